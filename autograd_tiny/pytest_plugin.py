"""A pytest plugin, found by its entry point: the fixture ``gradcheck`` and a marker of that name, idle until used."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .testing import GradientReport


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers", "gradcheck(order=1, tolerance=None, method='differences'): settings of the fixture gradcheck"
    )


@pytest.fixture
def gradcheck(request: pytest.FixtureRequest) -> Callable[..., GradientReport]:
    """Check gradients: ``gradcheck(f, *args)`` fails the test with the whole report unless all are right.

    Settings are those of :func:`autograd_tiny.testing.check_gradients`, given in the call or by the marker::

        @pytest.mark.gradcheck(order=2)
        def test_my_loss(gradcheck):
            gradcheck(my_loss, 0.5, -1.0)
    """
    from .testing import check_gradients

    settings: dict[str, Any] = {}
    for marker in request.node.iter_markers("gradcheck"):
        if marker.args:
            raise pytest.UsageError(
                f"the marker gradcheck takes its settings by name, got {marker.args!r}; write order=2"
            )
        settings = dict(marker.kwargs) | settings  # the closest marker comes first and wins

    def check(f: Callable[..., Any], *args: Any, **more: Any) -> GradientReport:
        __tracebackhide__ = True  # the line of the test that failed, not this one
        report = check_gradients(f, *args, **settings | more)
        report.assert_ok()
        return report

    return check
