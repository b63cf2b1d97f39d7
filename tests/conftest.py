"""What all tests share: hypothesis profiles, and helper modules importable by their plain names."""

import gc
import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))  # import number_systems, whether or not tests is a package

# Derandomized: the same examples in every run, so a red build is red again on the next machine.
settings.register_profile(
    "ci",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=20,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
# HYPOTHESIS_PROFILE=search looks for new counterexamples, for minutes.
settings.register_profile("search", parent=settings.get_profile("ci"), derandomize=False, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_collection_finish(session):
    """Keep the collector off everything loaded so far: graphs of a million nodes make it run often."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _cache_of_compiled_code(tmp_path_factory):
    """Keep compiled code in one folder for the whole run, also by several workers, and away from the user's."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "compiled"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOGRAD_TINY_CACHE", str(folder))
        yield
