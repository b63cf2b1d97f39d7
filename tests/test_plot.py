import math
import sys

import matplotlib
import numpy as np
import pytest

from autograd_tiny import Value
from autograd_tiny.errors import (
    AnomalyError,
    AutogradTinyError,
    MissingPackageError,
    ParameterError,
    ShapeError,
)
from autograd_tiny.nn import MLP, Linear, Module, mse_loss
from autograd_tiny.optim import SGD
from autograd_tiny.plot import plot_decision_boundary, plot_gradients, plot_history
from autograd_tiny.train import Classifier, History, UpdateLog, fit

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


def test_validation_curves_are_dashed_in_the_colour_of_their_training_curve():
    history = History([0.75, 0.5], {"accuracy": [0.5, 0.75]}, [0.875, 0.625], {"accuracy": [0.25, 0.5]}, lr=[0.1, 0.1])
    left = plot_history(history)
    _, right = left.figure.axes
    for ax, training, validation in ((left, [0.75, 0.5], [0.875, 0.625]), (right, [0.5, 0.75], [0.25, 0.5])):
        solid, dashed = ax.get_lines()[:2]
        assert (list(solid.get_ydata()), list(dashed.get_ydata())) == (training, validation)
        assert (solid.get_linestyle(), dashed.get_linestyle()) == ("-", "--")
        assert solid.get_color() == dashed.get_color()
    assert left.get_lines()[0].get_color() != right.get_lines()[0].get_color()
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["loss", "accuracy", "validation"]
    assert len(right.get_lines()) == 2
    assert len(left.get_lines()) == 3  # the third is the sample in the legend
    left.figure.canvas.draw()


def test_there_are_more_metrics_than_colours():
    names = [f"m{i}" for i in range(12)]
    ax = plot_history(History([1.0], {name: [0.5] for name in names}))
    assert len(ax.figure.axes[1].get_lines()) == 12
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["loss", *names]


def test_a_loss_alone_needs_no_legend():
    assert plot_history(History([1.0])).get_legend() is None


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
    assert len(outputs) == 1 + 25  # once to see how many classes it tells apart
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


# ---------------------------------------------------------------- gradients


def learned(epochs=3):
    """Return a model that was trained for some steps, and the log of them."""
    model = MLP(2, [3, 1], rng=0)
    log = UpdateLog(model)
    if epochs:
        optimizer = SGD(model.parameters(), lr=0.1)
        fit(model, POINTS, LABELS, loss=mse_loss, optimizer=optimizer, epochs=epochs, callbacks=[log])
    return model, log


def outlines(ax):
    """Return label -> (edges, shares) of the outlines in a picture."""
    return {patch.get_label(): patch.get_xy().T.tolist() for patch in ax.patches}


def test_a_model_has_one_outline_per_layer():
    model, _ = learned()
    _, given = pyplot.subplots()
    ax = plot_gradients(model, ax=given)
    assert ax is given
    assert list(outlines(ax)) == ["layers[0]", "layers[1]"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["layers[0]", "layers[1]"]
    numbers = {name: [p.grad for p in layer] for name, layer in model.named_layers()}
    low, high = min(map(min, numbers.values())), max(map(max, numbers.values()))
    for name, (x, y) in outlines(ax).items():
        edges, heights = [*x[::2]], y[1::2]  # an outline goes up to each bar, along it, and on to the next
        assert (edges[0], edges[-1], len(heights)) == (low, high, 51)
        for i, height in enumerate(heights[:50]):
            inside = [g for g in numbers[name] if edges[i] <= g < edges[i + 1] or (i == 49 and g == high)]
            assert height == pytest.approx(len(inside) / len(numbers[name]))
        assert sum(heights) == pytest.approx(1.0)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("gradient", "share of the layer")
    ax.figure.canvas.draw()


def test_a_log_has_its_ratios_beside():
    _, log = learned()
    left, right = plot_gradients(log)
    assert list(outlines(left)) == ["layers[0]", "layers[1]"]
    *curves, guide = right.get_lines()
    assert [list(curve.get_ydata()) for curve in curves] == list(log.ratios.values())
    assert [list(curve.get_xdata()) for curve in curves] == [[1, 2, 3]] * 2
    assert list(guide.get_ydata()) == [1e-3, 1e-3]
    labels = ["layers[0]", "layers[1]", "0.001, a usual ratio"]
    assert [text.get_text() for text in right.get_legend().get_texts()] == labels
    assert (right.get_yscale(), right.get_xlabel(), right.get_ylabel()) == ("log", "step", "update-to-data ratio")
    left.figure.canvas.draw()


def test_a_log_is_drawn_on_a_given_pair():
    _, log = learned()
    _, pair = pyplot.subplots(1, 2)
    assert plot_gradients(log, ax=pair) == tuple(pair)
    assert len(pyplot.get_fignums()) == 1
    for ax in (pair[0], 3):
        with pytest.raises(ParameterError, match="ax is a pair of Axes for a log, got"):
            plot_gradients(log, ax=ax)


def test_many_layers_have_looks_of_their_own():
    model = MLP(1, [1] * 20, rng=0)
    model([1.0]).backward()
    ax = plot_gradients(model)
    assert len({(patch.get_edgecolor(), str(patch.get_linestyle())) for patch in ax.patches}) == 20


def test_gradients_and_ratios_without_spread_are_drawn():
    layer = Linear(1, 1, bias=False)
    log = UpdateLog(layer)
    fit(layer, [[1.0]], [[1.0]], loss=mse_loss, optimizer=SGD(layer.parameters(), lr=0.1), epochs=2, callbacks=[log])
    left, _ = plot_gradients(log)
    (x, y), *_ = outlines(left).values()
    assert (x[-1] - x[0], y[1]) == (1.0, 1.0)
    left.figure.canvas.draw()


def test_what_has_no_gradients_is_refused():
    model, log = learned(epochs=0)
    with pytest.raises(ParameterError, match=r"the model has no gradients yet; call loss\.backward\(\) first"):
        plot_gradients(model)
    with pytest.raises(ParameterError, match=r"the log has no step yet; hand it to fit\(\.\.\., callbacks=\[log\]\)"):
        plot_gradients(log)
    with pytest.raises(ParameterError, match=r"plot_gradients takes a Module or a train\.UpdateLog, got 3"):
        plot_gradients(3)

    class Empty(Module):
        pass

    with pytest.raises(ParameterError, match="the model has no gradients yet"):
        plot_gradients(Empty())


def test_a_gradient_that_is_not_finite_is_named():
    model, _ = learned()
    model.layers[1].neurons[0].bias.grad = float("nan")
    with pytest.raises(AnomalyError, match=r"a gradient of layers\[1\] is nan; compute the loss"):
        plot_gradients(model)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plot_history(History([1.0])),
        lambda: plot_decision_boundary(lambda x: x[0], POINTS, LABELS),
        lambda: plot_gradients(learned()[0]),
        lambda: plot_gradients(learned()[1]),
    ],
)
def test_missing_matplotlib_gives_the_line_that_installs_it(monkeypatch, draw):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingPackageError, match=r'plotting needs .*pip install "autograd_tiny\[plot\]"'):
        draw()


# ---------------------------------------------------------------- what cannot be drawn


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"resolution": 2.5}, "resolution is a whole number of at least 2, got 2.5"),
        ({"X": [["a", 2.0]], "y": [0]}, "an example needs one real number, got 'a'"),
        ({"X": [[math.nan, 2.0]], "y": [0]}, "an example has two finite numbers, got"),
        ({"model": Classifier()}, "got Classifier; use its model_"),
    ],
)
def test_what_has_no_decision_boundary(changed, message):
    settings = {"model": lambda x: x[0], "X": POINTS, "y": LABELS} | changed
    with pytest.raises(AutogradTinyError, match=message):
        plot_decision_boundary(**settings)


def test_probabilities_are_cut_at_a_half_and_arrays_are_taken():
    ax = plot_decision_boundary(lambda x: np.array([0.25 + x[0] / 2]), POINTS, LABELS, resolution=5, threshold=0.5)
    assert ax.get_xlabel() == "x1"


def test_something_else_is_no_history():
    with pytest.raises(ParameterError, match="plot_history draws what fit returned, a History, got 5"):
        plot_history(5)
