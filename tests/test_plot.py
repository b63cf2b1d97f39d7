import sys

import matplotlib
import pytest

from autograd_tiny import Value
from autograd_tiny.errors import MissingPackageError, ParameterError, ShapeError
from autograd_tiny.nn import MLP
from autograd_tiny.plot import plot_decision_boundary, plot_history
from autograd_tiny.train import History

matplotlib.use("Agg")
from matplotlib import pyplot

POINTS, LABELS = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [0, 0, 0, 1]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    pyplot.close("all")


def test_history_is_drawn_with_its_metrics_on_a_second_axis():
    ax = plot_history(History([0.75, 0.5, 0.25], {"accuracy": [0.5, 0.75, 1.0], "recall": [0.0, 0.5, 1.0]}))
    (loss,) = ax.get_lines()
    assert (list(loss.get_xdata()), list(loss.get_ydata())) == ([1, 2, 3], [0.75, 0.5, 0.25])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss")
    _, right = ax.figure.axes
    assert [list(curve.get_ydata()) for curve in right.get_lines()] == [[0.5, 0.75, 1.0], [0.0, 0.5, 1.0]]
    assert right.get_ylabel() == "accuracy, recall"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["loss", "accuracy", "recall"]
    ax.figure.canvas.draw()


def test_history_without_metrics_is_one_axis():
    ax = plot_history(History([0.75, 0.5]))
    assert len(ax.figure.axes) == 1


def test_an_empty_history_cannot_be_drawn():
    with pytest.raises(ShapeError, match="at least one finished epoch"):
        plot_history(History())


def test_given_axes_are_used_and_the_backend_stays():
    _, (left, right) = pyplot.subplots(1, 2)
    assert plot_history(History([1.0]), ax=left) is left
    assert plot_decision_boundary(lambda x: x[0] - 0.5, POINTS, LABELS, ax=right, resolution=3) is right
    assert len(pyplot.get_fignums()) == 1
    plot_history(History([1.0]))
    assert len(pyplot.get_fignums()) == 2
    assert matplotlib.get_backend().lower() == "agg"


def regions(ax):
    """Return a function that gives the indices of the filled regions a point lies in."""
    filled = [c for c in ax.collections if isinstance(c, matplotlib.contour.QuadContourSet) and c.filled]

    def at(point):
        return [i for i, region in enumerate(filled) if any(path.contains_point(point) for path in region.get_paths())]

    return at


def test_a_score_parts_the_plane_at_zero():
    ax = plot_decision_boundary(lambda x: x[0] + x[1] - 1.5, POINTS, [-1, -1, -1, 1], resolution=31)
    at = regions(ax)
    assert (at((0.2, 0.2)), at((0.9, 0.9))) == ([0], [1])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["-1", "1"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x1", "x2")
    ax.figure.canvas.draw()


def test_logits_part_the_plane_by_the_largest():
    def model(x):
        return [-x[0], x[0] - 1, x[1] * 3 - 2]

    ax = plot_decision_boundary(model, POINTS, [0, 1, 2, 2], resolution=31)
    at = regions(ax)
    assert (at((0.1, 0.1)), at((0.9, 0.1)), at((0.5, 1.0))) == ([0], [1], [2])


def test_a_class_that_never_wins_has_no_region():
    ax = plot_decision_boundary(lambda x: [1.0, 0.0], POINTS, LABELS, resolution=4)
    assert regions(ax)((0.5, 0.5)) == [0]


def test_each_class_has_its_own_colour_and_marker():
    ax = plot_decision_boundary(lambda x: [x[0], x[1], 0.5], POINTS, [0, 1, 2, 0], resolution=4)
    dots = [c for c in ax.collections if isinstance(c, matplotlib.collections.PathCollection)]
    assert [len(d.get_offsets()) for d in dots] == [2, 1, 1]
    assert len({tuple(d.get_facecolor()[0]) for d in dots}) == 3
    assert len({d.get_paths()[0].vertices.tobytes() for d in dots}) == 3


def test_the_model_is_asked_without_recording():
    outputs = []
    w = Value(2.0)

    def model(x):
        outputs.append(w * x[0])
        return outputs[-1]

    plot_decision_boundary(model, POINTS, LABELS, resolution=5)
    assert len(outputs) == 25
    assert all(y.parents == () for y in outputs)


def test_a_trained_model_is_left_alone():
    model = MLP(2, [4, 1], rng=0)
    model(POINTS[1]).backward()
    before = [(p.data, p.grad) for p in model.parameters()]
    plot_decision_boundary(model, POINTS, LABELS, resolution=4)
    assert [(p.data, p.grad) for p in model.parameters()] == before


@pytest.mark.parametrize(
    ("points", "labels", "settings", "error", "message"),
    [
        ([[1.0, 2.0, 3.0]], [1], {}, ShapeError, "two inputs, got an example of 3 numbers"),
        (POINTS, [0, 1], {}, ShapeError, "4 examples and 2 labels"),
        ([], [], {}, ShapeError, "0 examples and 0 labels"),
        (POINTS, LABELS, {"resolution": 1}, ParameterError, "resolution is a whole number of at least 2"),
        (POINTS, [0, 0, 0, 2], {}, ParameterError, "tells 2 classes apart, and no class has the label 2"),
    ],
)
def test_what_cannot_be_drawn_is_refused(points, labels, settings, error, message):
    with pytest.raises(error, match=message):
        plot_decision_boundary(lambda x: x[0], points, labels, **({"resolution": 3} | settings))


@pytest.mark.parametrize(
    "draw", [lambda: plot_history(History([1.0])), lambda: plot_decision_boundary(lambda x: x[0], POINTS, LABELS)]
)
def test_missing_matplotlib_gives_the_line_that_installs_it(monkeypatch, draw):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingPackageError, match=r'plotting needs .*pip install "autograd_tiny\[plot\]"'):
        draw()
