"""The pytest plugin in test sessions of its own: off unless used, a table when a check fails."""

import subprocess
import sys

import pytest


@pytest.fixture
def run(tmp_path):
    """Run pytest on a test module in a process of its own and return (exit code, output)."""

    def session(source, *options):
        (tmp_path / "test_lesson.py").write_text(source, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *options]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    return session


def test_fixture_and_marker(run):
    code, shown = run(
        """
import pytest
from autograd_tiny import exp, relu, primitive

@primitive(slopes=lambda m, y, x: (float(2 * x),))
def square(m, x):
    '''x * x, with a slope that is a mere number.'''
    return x * x

def test_right(gradcheck):
    report = gradcheck(lambda x, y: exp(x) * y, 0.5, 2.0)
    assert [row.order for row in report.rows] == [1, 1]

def test_first_order_by_default(gradcheck):
    gradcheck(square, 0.5)

@pytest.mark.gradcheck(order=2)
def test_settings_by_the_marker(gradcheck):
    gradcheck(square, 0.5)

@pytest.mark.gradcheck(order=2)
def test_the_call_overrides_the_marker(gradcheck):
    gradcheck(square, 0.5, order=1)

@pytest.mark.gradcheck(order=2)
class TestMany:
    @pytest.mark.gradcheck(order=1)
    def test_the_closest_marker_wins(self, gradcheck):
        gradcheck(square, 0.5)

def test_wrong(gradcheck):
    gradcheck(lambda x: relu(x) + x.data, 1.0)
""",
        "--strict-markers",
        "-q",
    )
    assert code == 1
    assert "2 failed, 4 passed" in shown
    assert "FAILED test_lesson.py::test_settings_by_the_marker" in shown
    assert "FAILED test_lesson.py::test_wrong" in shown
    assert "argument  analytic  numeric" in shown
    assert "Was .data, float(), math or detach() used?" in shown
    assert "guilty: square(x) with x = 0.5" in shown
    assert "in check\n" not in shown, "the traceback ends in the test"


def test_settings_without_a_name_are_refused(run):
    code, shown = run(
        """
import pytest

@pytest.mark.gradcheck(2)
def test_it(gradcheck):
    pass
""",
        "-q",
    )
    assert code == 1
    assert "the marker gradcheck takes its settings by name, got (2,); write order=2" in shown


def test_nothing_is_loaded_or_changed_unless_it_is_used(run):
    code, shown = run(
        """
import sys

def test_idle():
    loaded = [name for name in sys.modules if name.startswith("autograd_tiny.testing")]
    assert loaded == []
""",
        "-q",
    )
    assert code == 0, shown
    assert "1 passed" in shown
    code, shown = run("def test_idle():\n    pass\n", "--markers")
    assert "@pytest.mark.gradcheck(order=1" in shown
    code, shown = run("def test_idle(gradcheck):\n    pass\n", "--fixtures")
    assert "fails the test with the whole report unless all are right" in shown
