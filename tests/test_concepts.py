"""The concepts that textbooks name: each example shows what it says, checked against formulas and searches by hand."""

import io
import math
from random import Random

import pytest
from rich.console import Console

from autograd_tiny import Value, data, examples, nn, optim
from autograd_tiny.errors import ParameterError
from autograd_tiny.examples import (
    EXAMPLES,
    Options,
    Stage,
    activations,
    comparison,
    deep_gradients,
    generalization,
    losses,
    optimizers,
    search,
    sequence,
)
from autograd_tiny.examples import digits as digit_reading

np = pytest.importorskip("numpy")
pytest.importorskip("matplotlib")
from matplotlib.figure import Figure  # noqa: E402 - after the check that it is there
from matplotlib.image import imread  # noqa: E402

PICTURES = {
    "activations": ("activations.png", "activations-loss.png"),
    "losses": ("losses.png", "losses-outliers.png"),
    "optimizers": ("optimizers-paths.png", "optimizers-loss.png"),
    "schedules": ("schedules.png",),
    "vanishing": ("vanishing.png", "vanishing-updates.png"),
    "overfitting": ("overfitting.png", "overfitting-loss.png"),
    "imbalanced": ("imbalanced.png",),
    "local-minima": ("local-minima.png",),
    "why-gradients": ("why-gradients.png",),
    "digits": ("digits-loss.png", "digits-wrong.png"),
    "digits-conv": ("digits-conv-loss.png", "digits-conv-wrong.png", "digits-conv-kernels.png"),
    "sequence": ("sequence.png",),
}
NEED_DATA = ("digits", "digits-conv")


class Mute(Stage):
    """A stage without pictures."""

    def figure(self, *arguments, **settings):
        pass


def play(name, folder, kind=Stage, **options):
    """Run an example; return what it measured and what it said, the lines joined."""
    if name in NEED_DATA:
        pytest.importorskip("sklearn")
    out = io.StringIO()
    figures = examples.run(name, kind(folder, Console(file=out, width=100)), Options(**options))
    return figures, " ".join(out.getvalue().split())


def shorten(monkeypatch, name):
    """Leave of an example what takes little time, and return the options for it."""
    monkeypatch.setattr(search, "SEEDS", 3)
    monkeypatch.setattr(search, "BUDGET", 60)
    monkeypatch.setattr(digit_reading, "EXAMPLES", 40)
    monkeypatch.setattr(digit_reading, "TESTS", 40)
    return {"epochs": 1} if "epochs" in EXAMPLES[name].takes else {}


# ---------------------------------------------------------------- all of them


@pytest.mark.slow
@pytest.mark.parametrize("name", PICTURES)
def test_a_single_epoch_is_enough_to_draw_every_picture(name, tmp_path, monkeypatch):
    short = shorten(monkeypatch, name)
    figures, _ = play(name, tmp_path, **short)
    assert all(isinstance(number, float) and not math.isnan(number) for number in figures.values())
    assert {path.name for path in tmp_path.iterdir()} == set(PICTURES[name])
    for picture in PICTURES[name]:
        assert len(np.unique(imread(tmp_path / picture)[..., :3].reshape(-1, 3), axis=0)) > 50  # it is not blank


@pytest.mark.slow
@pytest.mark.parametrize("name", PICTURES)
def test_the_seed_decides_everything(name, tmp_path, monkeypatch):
    short = shorten(monkeypatch, name)
    monkeypatch.setattr(search, "FAILED", 0.6931)  # after one step the share that fails is all else
    first, again, other = (play(name, tmp_path, Mute, seed=seed, **short)[0] for seed in (0, 0, 1))
    assert first == again
    assert first != other


@pytest.mark.parametrize("name", PICTURES)
def test_ctrl_c_ends_the_whole_example(name, tmp_path, monkeypatch):
    def interrupt(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(optim.Optimizer, "step", interrupt)
    with pytest.raises(KeyboardInterrupt):
        play(name, tmp_path, Mute)


@pytest.mark.parametrize(
    ("name", "option"), [("optimizers", "lr"), ("local-minima", "lr"), ("why-gradients", "epochs")]
)
def test_an_option_that_would_change_nothing_is_refused(name, option, tmp_path):
    with pytest.raises(ParameterError, match=f"{name} takes no --{option}"):
        play(name, tmp_path, **{option: 2})


@pytest.mark.parametrize("name", ["losses", "imbalanced", "why-gradients"])
def test_the_learning_rate_is_that_of_the_reader(name, tmp_path, monkeypatch):
    short = shorten(monkeypatch, name)
    assert play(name, tmp_path, Mute, lr=0.01, **short)[0] != play(name, tmp_path, Mute, **short)[0]


# ---------------------------------------------------------------- what they share


def test_the_lines_of_a_picture_are_all_different_and_visible_on_white():
    assert len(set(comparison.LINES)) == len(comparison.LINES) == 14
    assert all(color != "#F0E442" for color, _ in comparison.LINES)


@pytest.mark.parametrize(("highest", "labels"), [(0.9, ["0.2", "0.5"]), (900.0, ["0.1", "1", "10", "100"])])
def test_a_logarithmic_axis_has_plain_numbers(highest, labels):
    axes = Figure().subplots()
    comparison.draw_curves(axes, {"loss": [0.11, highest]}, "title")
    ticks = [tick.get_text() for minor in (False, True) for tick in axes.get_yticklabels(minor=minor)]
    assert set(labels) <= set(ticks)
    assert not any("e" in text or "$" in text for text in ticks if text not in ("1e-05", "1e-06"))
    assert axes.get_title() == "title"


# ---------------------------------------------------------------- activations and losses


SLOPES = {
    "sigmoid": lambda x: math.exp(-x) / (1 + math.exp(-x)) ** 2,
    "tanh": lambda x: 1 / math.cosh(x) ** 2,
    "ReLU": lambda x: float(x > 0),
    "leaky ReLU": lambda x: 1.0 if x > 0 else 0.1,
    "ELU": lambda x: 1.0 if x > 0 else math.exp(x),
    "GELU": lambda x: math.erfc(-x / 2**0.5) / 2 + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    "SiLU": lambda x: (1 + math.exp(-x) * (1 + x)) / (1 + math.exp(-x)) ** 2,
    "softplus": lambda x: 1 / (1 + math.exp(-x)),
}


@pytest.mark.parametrize("name", SLOPES)
def test_slopes_are_those_of_the_formulas(name):
    assert list(SLOPES) == list(activations.ACTIVATIONS)
    ticks = [x for x in activations.TICKS if x]
    expected = [SLOPES[name](x) for x in ticks]
    assert activations.slopes_of(activations.ACTIVATIONS[name], ticks) == pytest.approx(expected, rel=1e-12)


def test_curves_reach_from_end_to_end():
    assert (activations.TICKS[0], activations.TICKS[80], activations.TICKS[-1]) == (-4.0, 0.0, 4.0)
    assert (losses.TICKS[0], losses.TICKS[-1]) == (-3.0, 3.0)


def test_softmax_is_drawn_as_bars():
    axes = Figure().subplots()
    activations.draw_softmax(axes)
    powers = [math.exp(x) for x in activations.LOGITS]
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([p / sum(powers) for p in powers])


@pytest.mark.slow
def test_activations_sigmoid_starts_slowest(tmp_path):
    figures, text = play("activations", tmp_path, Mute, epochs=60)
    ends = {name: figures[f"loss with {name}"] for name in activations.ACTIVATIONS}
    assert max(ends, key=ends.get) == "sigmoid"
    assert ends["sigmoid"] > 2 * max(loss for name, loss in ends.items() if name != "sigmoid")
    assert figures["steepest slope of sigmoid"] == 0.25
    assert figures["steepest slope of tanh"] == 1.0
    assert "0.25" in text


def test_losses_outliers_bend_the_line_of_mse_most(tmp_path):
    figures, _ = play("losses", tmp_path, Mute)
    X, y = losses.points_with_outliers(0)
    least_squares, _ = np.polyfit([x for (x,) in X], y, 1)
    clean, _ = np.polyfit([x for (x,) in X[: -losses.OUTLIERS]], y[: -losses.OUTLIERS], 1)
    assert figures["slope with MSE"] == pytest.approx(least_squares, abs=0.01)
    errors = [abs(figures[f"slope with {name}"] - clean) for name in ("MAE", "Huber", "MSE")]
    assert errors == sorted(errors)
    assert errors[1] < errors[2] / 3


def test_a_loss_is_drawn_against_the_output():
    figure = Figure()
    losses.draw_losses(figure)
    drawn = {line.get_label(): line.get_ydata() for axes in figure.axes[:2] for line in axes.lines}
    x = np.array(losses.TICKS)
    assert drawn["MSE"] == pytest.approx(x**2)
    assert drawn["MAE"] == pytest.approx(abs(x))
    assert drawn["Huber"] == pytest.approx(np.where(abs(x) < 1, x**2 / 2, abs(x) - 0.5))
    assert drawn["BCE with logits"] == pytest.approx(np.log1p(np.exp(-x)))
    assert drawn["hinge"] == pytest.approx(np.maximum(0, 1 - x))


# ---------------------------------------------------------------- optimisers and schedules


def test_the_bottom_of_the_valley_is_at_the_goal():
    X, y = optimizers.valley(0)
    assert np.linalg.lstsq(np.array(X), np.array(y), rcond=None)[0] == pytest.approx(optimizers.GOAL)
    assert optimizers.valley_loss(optimizers.GOAL, X, y) < optimizers.valley_loss((2.4, 0.0), X, y)


def test_gradient_descent_takes_the_steps_of_its_formula():
    X, y = optimizers.valley(3)
    way = optimizers.WAYS["gradient descent"]
    path = optimizers.descend(way, X, y, seed=0)
    matrix, targets, w = np.array(X), np.array(y), np.array(optimizers.START)
    for place in path:
        assert place == pytest.approx(tuple(w), abs=1e-9)
        w = w - way.valley_lr * matrix.T @ (matrix @ w - targets) / len(targets)
    assert len(path) == optimizers.VALLEY_STEPS + 1


def test_a_stochastic_step_sees_one_example():
    X, y = optimizers.valley(0)
    way = optimizers.WAYS["stochastic"]
    _, place, *_ = optimizers.descend(way, X, y, seed=0)
    w = np.array(optimizers.START)
    steps = [w - way.valley_lr * np.array(x) * (w @ x - target) for x, target in zip(X, y, strict=True)]
    assert sum(bool(np.allclose(place, step, rtol=0, atol=1e-12)) for step in steps) == 1


@pytest.mark.slow
def test_optimizers_momentum_and_adam_come_further(tmp_path):
    figures, _ = play("optimizers", tmp_path, Mute, epochs=30)
    slow = min(figures[f"valley with {name}"] for name in ("gradient descent", "stochastic", "mini-batch"))
    quick = [name for name in optimizers.WAYS if name not in ("gradient descent", "stochastic", "mini-batch")]
    assert max(figures[f"valley with {name}"] for name in quick) < slow
    on_moons = {name: figures[f"moons with {name}"] for name in optimizers.WAYS}
    assert max(on_moons, key=on_moons.get) == "gradient descent"
    assert all(on_moons[name] < on_moons["mini-batch"] for name in quick)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_schedules_that_end_small_end_lower(seed, tmp_path):
    figures, _ = play("schedules", tmp_path, Mute, seed=seed)
    assert list(figures) == list(optimizers.SCHEDULES)
    for name in ("cosine", "one cycle", "step", "exponential"):
        assert figures[name] < figures["constant"]


def test_schedules_end_where_their_names_say():
    lasts = {}
    for name, make in optimizers.SCHEDULES.items():
        optimizer = optim.SGD([Value(0.0)], lr=1.0)
        scheduler = make(optimizer, 40)
        rates = []
        for _ in range(40):
            rates.append(optimizer.lr)
            if name == "reduce on plateau":
                scheduler.step(1.0)
            elif scheduler:
                scheduler.step()
        lasts[name] = (rates[0], max(rates), rates[-1])
    assert lasts["constant"] == (1.0, 1.0, 1.0)
    assert lasts["warm-up"] == (0.05, 1.0, 1.0)
    assert lasts["exponential"] == (1.0, 1.0, pytest.approx(0.02 ** (39 / 40)))
    assert lasts["one cycle"][0] < 0.05 < 0.99 < lasts["one cycle"][1]
    for name in ("step", "cosine", "reduce on plateau", "one cycle"):
        assert lasts[name][2] < 0.02


# ---------------------------------------------------------------- deep networks


def test_arriving_gradients_are_those_of_backpropagation_by_hand():
    X, y = data.make_moons(6, random_state=0)
    model = deep_gradients.deep_network(deep_gradients.VARIANTS["tanh, Xavier"], 0)
    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    weights = [np.array([[w.data for w in row] for row in linear.weight]) for linear in linears]
    outputs = [np.array(X)]
    for weight in weights[:-1]:
        outputs.append(np.tanh(outputs[-1] @ weight.T))
    scores = (outputs[-1] @ weights[-1].T)[:, 0]
    upstream = ((1 / (1 + np.exp(-scores)) - np.array(y)) / len(y))[:, None] @ weights[-1]
    norms = [np.linalg.norm(upstream)]
    for weight, out in zip(reversed(weights[1:-1]), reversed(outputs[2:]), strict=True):
        upstream = (upstream * (1 - out**2)) @ weight
        norms.insert(0, np.linalg.norm(upstream))
    assert len(norms) == deep_gradients.DEPTH
    assert deep_gradients.arriving_gradients(model, X, y) == pytest.approx(norms, rel=1e-9)


@pytest.mark.slow
def test_vanishing_explodes_vanishes_and_is_cured(tmp_path):
    figures, _ = play("vanishing", tmp_path, Mute, epochs=40)
    ratio = {name: figures[f"{name}: first / last"] for name in deep_gradients.VARIANTS}
    end = {name: figures[f"{name}: loss"] for name in deep_gradients.VARIANTS}
    assert ratio["sigmoid, small weights"] < 1e-9
    assert ratio["tanh, small weights"] < 1e-3
    assert ratio["ReLU, large weights"] > 1e3
    cures = list(deep_gradients.VARIANTS)[3:7]
    assert all(0.1 < ratio[name] < 30 for name in cures)
    sick = list(deep_gradients.VARIANTS)[:3]
    assert all(end[name] > 0.69 for name in sick)
    assert all(end[name] < 0.66 for name in [*cures, "ReLU, large weights, clipped"])


# ---------------------------------------------------------------- generalisation


@pytest.mark.slow
def test_overfitting_is_cured(tmp_path):
    figures, _ = play("overfitting", tmp_path, Mute)
    learned, tested, right = (
        {name: figures[f"{name}: {what}"] for name in generalization.CURES}
        for what in ("training loss", "test loss", "test accuracy")
    )
    assert min(learned, key=learned.get) == "none" == max(tested, key=tested.get)
    assert max(right, key=right.get) == "more data" == min(tested, key=tested.get)
    assert tested["none"] > 5 * learned["none"]
    assert len(generalization.large_network(0.0, 0).parameters()) == 337  # as its docstring says


def test_dropout_drops_only_in_training():
    model = generalization.large_network(0.5, 0)
    assert len({model([0.3, 0.2]).data for _ in range(5)}) == 5
    model.eval()
    plain = nn.MLP(2, [16, 16, 1], "relu", rng=0)
    assert {model([0.3, 0.2]).data for _ in range(5)} == {plain([0.3, 0.2]).data}


def test_overfitting_is_measured_without_dropout(tmp_path, monkeypatch):
    modes, outputs_of = [], generalization.outputs_of

    def watched(model, X):
        modes.append(model.training)
        return outputs_of(model, X)

    monkeypatch.setattr(generalization, "outputs_of", watched)
    play("overfitting", tmp_path, Mute, epochs=1)
    assert modes == [False] * 2 * len(generalization.CURES)


@pytest.mark.slow
def test_imbalanced_the_weighted_loss_finds_more_and_errs_more(tmp_path):
    figures, text = play("imbalanced", tmp_path, Mute)
    assert figures["weighted recall"] > figures["plain recall"] + 0.3
    assert figures["weighted precision"] < figures["plain precision"] - 0.3
    assert figures["plain accuracy"] > figures["weighted accuracy"]
    p, r = figures["plain precision"], figures["plain recall"]
    assert figures["plain F1"] == pytest.approx(2 * p * r / (p + r))
    assert "right for 95%" in text
    assert "pos_weight=19" in text


# ---------------------------------------------------------------- starts and searches


@pytest.mark.slow
def test_local_minima_a_wider_net_hardly_gets_stuck(tmp_path):
    figures, _ = play("local-minima", tmp_path, Mute, epochs=150)
    shares = list(figures.values())
    descent, momentum, adam, four, eight = shares
    assert 0.2 < momentum < descent
    assert adam > 0.2
    assert four < 0.1
    assert eight == 0.0


def test_the_place_where_most_get_stuck_is_half_of_ln_2():
    ends = search.final_losses(search.Attempt(2, lambda params: optim.SGD(params, lr=0.5, momentum=0.9)), 150, 0)
    stuck = [end for end in ends if end > search.FAILED]
    assert len(ends) == search.SEEDS
    assert stuck
    assert sum(abs(end - math.log(2) / 2) < 0.01 for end in stuck) > len(stuck) / 2


@pytest.mark.slow
def test_why_gradients_win(tmp_path, monkeypatch):
    monkeypatch.setattr(search, "BUDGET", 1500)
    figures, text = play("why-gradients", tmp_path, Mute)
    assert figures["backpropagation"] < min(figures["score function"], figures["genetic algorithm"]) / 10
    assert "25 weights" in text


def test_every_loss_evaluation_is_counted():
    problem = search.Problem(0)
    weights = [p.data for p in problem.params]
    first = problem.loss(weights)
    assert (problem.spent, problem.best) == (1, first)
    problem.gradient()
    assert (problem.spent, problem.best) == (4, first)
    assert problem.loss([0.0] * len(weights)) == pytest.approx(math.log(2))
    assert problem.best == min(first, math.log(2))
    steps = {name: [next(search.SEARCHES[name](search.Problem(0), Random(0), 0.1))[0]] for name in search.SEARCHES}
    assert steps == {"backpropagation": [3], "score function": [2 * search.PAIRS], "genetic algorithm": [30]}


def test_each_generation_keeps_its_parents():
    search_ = search.genetic(search.Problem(0), Random(0), 0.1)
    points = [next(search_) for _ in range(5)]
    assert [spent for spent, _ in points] == [30, 54, 78, 102, 126]
    best = [best for _, best in points]
    assert best == sorted(best, reverse=True)
    assert best[-1] < best[0]
    assert search_.gi_frame.f_locals["ranked"][0][0] == best[-1]


def test_the_score_function_points_along_the_gradient(monkeypatch):
    monkeypatch.setattr(search, "PAIRS", 300)
    problem = search.Problem(0)
    problem.gradient()
    true = np.array([p.grad for p in problem.params])
    next(search.score_function(problem, Random(0), 0.0))
    guessed = np.array([p.grad for p in problem.params])
    assert guessed @ true / np.linalg.norm(guessed) / np.linalg.norm(true) > 0.9
    assert np.linalg.norm(guessed) == pytest.approx(np.linalg.norm(true), rel=0.25)


def test_the_best_loss_of_a_budget():
    curve = [(10, 0.5), (20, 0.25), (30, 0.125)]
    assert [search.best_at(curve, budget) for budget in (10, 29, 30, 99)] == [0.5, 0.25, 0.125, 0.125]
    assert math.isnan(search.best_at(curve, 9))


# ---------------------------------------------------------------- pictures and sequences


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("digits", 0.94), ("digits-conv", 0.95)])
def test_digits_are_read(name, least, tmp_path):
    figures, text = play(name, tmp_path, Mute)
    assert figures["test accuracy"] >= least
    assert figures["accuracy"] > figures["test accuracy"]
    assert "learns from 1,000" in text


def test_what_is_drawn_as_wrong_is_wrong(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(digit_reading, "draw_wrong", lambda figure, wrong, count: drawn.append((wrong, count)))
    figures, _ = play("digits", tmp_path, **shorten(monkeypatch, "digits"))
    ((wrong, count),) = drawn
    assert count == round(40 * (1 - figures["test accuracy"]))
    assert len(wrong) == min(count, digit_reading.SHOWN)
    assert all(seen != true for _, seen, true in wrong)


def test_wrong_answers_are_drawn_as_many_as_there_are():
    figure = Figure()
    digit_reading.draw_wrong(figure, [([[0.0] * 8] * 8, 3, 9), ([[1.0] * 8] * 8, 1, 7)], 2)
    assert [axes.get_title() for axes in figure.axes if axes.images] == ["reads 3, is 9", "reads 1, is 7"]
    assert len(figure.axes) == digit_reading.SHOWN
    assert "2 of the 2" in figure.get_suptitle()


def test_kernels_share_one_scale_around_zero():
    figure = Figure()
    digit_reading.draw_kernels(figure, [[[0.5, -2.0]], [[1.0, 0.0]]])
    limits = {axes.images[0].get_clim() for axes in figure.axes if axes.images}
    assert limits == {(-2.0, 2.0)}


@pytest.mark.parametrize("kind", sequence.KINDS)
def test_a_continuation_feeds_each_guess_back(kind):
    model = sequence.Forecaster(sequence.KINDS[kind], Random(1))
    heard = [0.1, -0.4, 0.7]
    said = sequence.continuation(model, heard, 4)
    assert len(said) == 4
    for i, guess in enumerate(said):
        assert model(heard + said[:i])[-1].data == pytest.approx(guess, rel=1e-12)


@pytest.mark.slow
def test_sequence_all_three_continue_the_wave(tmp_path):
    figures, _ = play("sequence", tmp_path, Mute)
    assert figures["error of a silent model"] == pytest.approx((0.6**2 + 0.4**2) / 2)
    for name in sequence.KINDS:
        assert figures[f"{name}: error"] < figures["error of a silent model"] / 10
