"""The classic networks: every update is that of the textbook's formulas, and the examples show what they should."""

import io
import itertools
import re
from random import Random

import pytest
from rich.console import Console

from autograd_tiny import Value, data, examples, nn, optim, train
from autograd_tiny.errors import ParameterError
from autograd_tiny.examples import classic, prices, two_layer, updates

np = pytest.importorskip("numpy")
import by_hand  # noqa: E402 - it needs NumPy

SEEDS = (0, 1, 2477)
ROUNDING = 1e-15  # what sums of numbers around 1 leave in a weight, however close to 0 it is


def matrices(model):
    """Weights as inputs by outputs, each followed by the biases of its layer if there are any."""
    found = []
    for layer in model.layers:
        found.append(np.array([[w.data for w in neuron.weights] for neuron in layer.neurons]).T)
        if layer.bias:
            found.append(np.array([neuron.bias.data for neuron in layer.neurons]))
    return found


def updates_of(model, X, y, loss, lr):
    """Give the matrices of a model after every one of its updates."""
    optimizer = optim.SGD(model.parameters(), lr=lr)
    while True:
        optimizer.zero_grad()
        loss([model(x) for x in X], y).backward()
        optimizer.step()
        yield matrices(model)


def standardised_houses():
    houses, prices_ = data.make_houses(40, random_state=1)
    targets, _, _ = data.standardize([[price] for price in prices_])
    return data.standardize(houses)[0], [target for (target,) in targets]


def case(name, seed):
    """Return (model, X, y, loss, by hand, lr, updates of the whole run) of a network."""
    if name == "xor":
        return classic.xor_network(seed), classic.CORNERS, classic.XOR, classic.squared_error, by_hand.xor, 1.0, 1500
    if name.startswith("single-layer"):
        y = classic.XOR if name == "single-layer on xor" else classic.FIRST_INPUT
        model = classic.single_layer_network(seed)
        return model, classic.CORNERS, y, classic.half_squared_error, by_hand.single_layer, 1.0, 10_000
    if name == "two-layer on xor":
        model = two_layer.two_layer_network(2, 4, 1, seed)
        return model, two_layer.CORNERS, classic.XOR, classic.half_squared_error, by_hand.two_layer, 1.0, 2000
    if name == "two-layer on iris":
        model = two_layer.two_layer_network(4, 4, 3, seed)
        X, y, _, _ = two_layer.iris()
        return model, X, two_layer.one_hot(y), classic.half_squared_error, by_hand.two_layer, 0.05, 200
    if name == "tanh-xor":
        y = classic.STRIPE_LABELS
        return classic.tanh_network(seed), classic.STRIPES, y, classic.half_squared_error, by_hand.tanh_xor, 1.0, 1000
    return prices.price_network(seed), *standardised_houses(), nn.mse_loss, by_hand.house_prices, 0.2, 500


NETWORKS = [
    "xor",
    "single-layer",
    "single-layer on xor",
    "two-layer on xor",
    "two-layer on iris",
    "tanh-xor",
    "house-prices",
]


def rows(y):
    return np.array(y).reshape(len(y), -1)


# ---------------------------------------------------------------- update by update


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_first_50_updates_are_those_by_hand(name, seed):
    model, X, y, loss, formulas, lr, _ = case(name, seed)
    theirs = formulas(*matrices(model), np.array(X), rows(y), lr)
    ours = updates_of(model, X, y, loss, lr)
    for own, expected in itertools.islice(zip(ours, theirs, strict=True), 50):
        for a, b in zip(own, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=ROUNDING)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_the_end_of_the_whole_run_is_that_by_hand(name):
    model, X, y, loss, formulas, lr, count = case(name, seed=0)
    theirs = formulas(*matrices(model), np.array(X), rows(y), lr)
    train.fit(model, X, y, loss=loss, optimizer=optim.SGD(model.parameters(), lr=lr), epochs=count)
    for a, b in zip(matrices(model), next(itertools.islice(theirs, count - 1, None)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=ROUNDING)


def test_where_they_start():
    assert all(0.0 <= w.data < 1.0 for w in classic.xor_network(1).parameters())
    assert len(classic.xor_network(1).parameters()) == 16
    weights = [w.data for seed in range(50) for w in classic.single_layer_network(seed).parameters()]
    assert min(weights) < -0.9 < 0.9 < max(weights)
    assert all(-1.0 <= w < 1.0 for w in weights)
    drawn = [w.data for seed in range(50) for w in classic.tanh_network(seed).parameters()]
    assert abs(np.mean(drawn)) < 0.1
    assert abs(np.std(drawn) - 1.0) < 0.1
    model = two_layer.two_layer_network(2, 100, 50, seed=0)
    biases = [neuron.bias.data for layer in model.layers for neuron in layer.neurons]
    assert abs(np.std(biases) - 1.0) < 0.2
    assert abs(np.std([p.data for p in model.parameters()]) - 1.0) < 0.05


# ---------------------------------------------------------------- one update, and a million


HAND_VARIATIONS = {
    "plain": {},
    "L1 penalty": {"l1": 0.1},
    "L1 decay": {"l1": 0.1},
    "L2 penalty": {"l2": 0.1},
    "L2 decay": {"l2": 0.1},
    "step decay": {"rates": [0.1, 0.1, 0.05, 0.05, 0.025]},
    "exponential": {"rates": [0.1, 0.08, 0.064, 0.0512, 0.04096]},
    "cosine": {"rates": [0.05 * (1 + np.cos(np.pi * n / 5)) for n in range(5)]},
    "warm-up": {"rates": [0.02, 0.04, 0.06, 0.08, 0.1]},
}


def test_no_variation_is_forgotten():
    assert updates.VARIATIONS.keys() == HAND_VARIATIONS.keys()


@pytest.mark.parametrize("start", [[0.2, 0.5, 0.7], [0.02, -0.01, -0.03]])
@pytest.mark.parametrize("name", HAND_VARIATIONS)
def test_five_updates_are_those_by_hand(name, start):
    settings = {"rates": [0.1] * 5} | HAND_VARIATIONS[name]
    for count, expected in enumerate(
        by_hand.one_update(np.array(start), np.array([1.0, 0.0, 1.0]), 1.0, **settings), 1
    ):
        weights = [Value(w) for w in start]
        rates = updates.update(weights, updates.VARIATIONS[name], 0.1, count)
        assert rates == pytest.approx(settings["rates"][:count], rel=1e-12)
        np.testing.assert_allclose([w.data for w in weights], expected, rtol=1e-12, atol=1e-17)


def hand_rule(name, p, g):
    if name == "Adam":
        return by_hand.adam(p, g, 0.001)
    return by_hand.sgd(p, g, 0.1, momentum=0.9 if "momentum" in name else 0.0)


@pytest.mark.parametrize("count", [2_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", updates.OPTIMIZERS)
def test_updates_of_many_parameters_are_those_of_numpy(name, count):
    params = updates.parameters_with_gradients(count, seed=4)
    p, g = np.array([w.data for w in params]), np.array([w.grad for w in params])
    kind, settings = updates.OPTIMIZERS[name]
    optimizer = kind(params, **settings)
    for expected in itertools.islice(hand_rule(name, p, g), 3):
        optimizer.step()
        np.testing.assert_allclose([w.data for w in params], expected, rtol=1e-12, atol=1e-15)


def test_gradients_given_are_standard_normal():
    params = updates.parameters_with_gradients(10_000, seed=0)
    gradients = [p.grad for p in params]
    assert abs(np.mean(gradients)) < 0.05
    assert abs(np.std(gradients) - 1.0) < 0.05
    assert all(0.0 <= p.data < 1.0 for p in params)


# ---------------------------------------------------------------- deltas by name


@pytest.mark.parametrize("seed", [0, 1, 5])
def test_deltas_are_those_by_hand_and_the_gradients(seed):
    model, x, y = classic.tanh_network(seed), [1.0, 0.0, 1.0], 0.0
    W1, W2 = matrices(model)
    a = np.tanh(np.array(x) @ W1)
    (out,) = by_hand.sigmoid(a @ W2)
    output_delta = (y - out) * out * (1 - out)
    expected = [output_delta, *(output_delta * W2[:, 0] * (1 - a**2))]
    loss, found = classic.deltas(model, x, y)
    assert [row[0] for row in found] == ["output delta", *(f"hidden delta {i}" for i in range(4))]
    for column in (2, 3):
        np.testing.assert_allclose([row[column] for row in found], expected, rtol=1e-12)
    assert loss.data == pytest.approx(0.5 * out**2)
    np.testing.assert_allclose([w.grad for w in model.layers[1].neurons[0].weights], -output_delta * a, rtol=1e-12)


# ---------------------------------------------------------------- the examples


def run(name, folder, **options):
    """Run an example; return its figures and what it told."""
    text = io.StringIO()
    stage = examples.Stage(folder, Console(file=text, width=100))
    figures = examples.run(name, stage, examples.Options(**options))
    return figures, " ".join(text.getvalue().split())


def pictures(folder):
    return {path.name for path in folder.iterdir() if path.stat().st_size > 5_000}


@pytest.mark.slow
def test_xor_is_learned_and_a_start_that_fails_is_shown(tmp_path):
    figures, told = run("xor", tmp_path)
    assert figures["loss"] < 0.003
    assert figures["largest error"] < 0.03
    assert 0.5 < figures["loss of the failing seed"] < 0.51
    assert "After 1,500 steps the losses are 0.0018 and 0.5045." in told
    assert "out, seed 0 out, seed 2477" in told


@pytest.mark.slow
def test_what_xor_says_about_the_failing_seed():
    model = classic.xor_network(classic.FAILING_SEED)
    optimizer = optim.SGD(model.parameters(), lr=1.0, momentum=0.9)
    fitted = {"loss": classic.squared_error, "optimizer": optimizer, "epochs": 1500}
    assert train.fit(model, classic.CORNERS, classic.XOR, **fitted).loss[-1] < 0.001
    X, y = np.array(classic.CORNERS), rows(classic.XOR)
    starts = [matrices(classic.xor_network(seed)) for seed in range(3000)]
    W1, W2 = (np.stack(group) for group in zip(*starts, strict=True))
    for _ in range(1500):  # the formulas of by_hand.xor for all seeds at once
        hidden = by_hand.sigmoid(X @ W1)
        out = by_hand.sigmoid(hidden @ W2)
        delta = 2 * (y - out) * out * (1 - out)
        hidden_delta = delta @ W2.transpose(0, 2, 1) * hidden * (1 - hidden)
        W2, W1 = W2 + hidden.transpose(0, 2, 1) @ delta, W1 + X.T @ hidden_delta
    losses = ((y - out) ** 2).sum(axis=(1, 2))
    assert np.flatnonzero(losses > 0.1).tolist() == [classic.FAILING_SEED]


@pytest.mark.slow
def test_a_single_layer_learns_the_one_and_not_the_other(tmp_path):
    figures, told = run("single-layer", tmp_path)
    assert figures["largest error"] < 0.01
    assert figures["largest error on xor"] == pytest.approx(0.5, abs=1e-6)
    assert figures["loss on xor"] == pytest.approx(0.5, abs=1e-9)
    assert "10,000 rounds from the same start" in told


def test_the_five_steps_are_named_and_are_those_by_hand(tmp_path):
    _, told = run("single-layer", tmp_path, epochs=1)
    X, y = np.array(classic.CORNERS), rows(classic.FIRST_INPUT)
    W = matrices(classic.single_layer_network(0))[0]
    for number in (1, 2):
        out = by_hand.sigmoid(X @ W)
        error = y - out
        delta = error * out * (1 - out)
        W = W + X.T @ delta
        steps = told.partition(f"round {number} ")[2].split(" 10,000")[0]
        shown = {
            "forward out = sigmoid(w . x)": out,
            "error error = y - out": error,
            "backward delta = error out (1 - out)": delta,
            "gradients -sum of delta x": -X.T @ delta,
            "update w - 1 * gradient": W,
        }
        places = [
            steps.index(f"{step} " + " ".join(f"{x:.4f}" for x in numbers.ravel())) for step, numbers in shown.items()
        ]
        assert places == sorted(places)


def test_the_plane_cannot_be_cut_for_xor():
    """The best of one sigmoid is 0.5 for each corner, however its line lies."""
    ticks = np.linspace(-12, 12, 49)
    w1, w2, b = np.meshgrid(ticks, ticks, ticks)
    outputs = [by_hand.sigmoid(w1 * x1 + w2 * x2 + b) for x1, x2, _ in classic.CORNERS]
    losses = sum((y - out) ** 2 for y, out in zip(classic.XOR, outputs, strict=True)) / 2
    assert losses.min() == losses[24, 24, 24] == 0.5


def test_tanh_shows_the_deltas_by_name_and_learns(tmp_path):
    figures, told = run("tanh-xor", tmp_path)
    assert figures["largest error"] < 0.02
    assert figures["largest gap"] < 1e-15
    assert "output delta (y - out) out (1 - out) -0.0878242 -0.0878242" in told
    assert "hidden delta 3 output delta * w3 (1 - a3^2) -0.0179639 -0.0179639" in told
    page = (tmp_path / "tanh-xor.html").read_text(encoding="utf-8")
    assert all(name in page for name in ("loss", "out", "z0", "a3"))


@pytest.mark.slow
def test_two_layers_learn_xor_and_iris_and_vary(tmp_path):
    figures, told = run("two-layer", tmp_path)
    assert figures["largest error on xor"] < 0.05
    assert figures["iris"] >= 0.94
    assert all(figures[name] > 0.9 for name in ("activation tanh", "activation ReLU", "momentum", "Adagrad", "Adam"))
    assert figures["two hidden layers"] < 0.75 < figures["as it is"] < 0.9
    assert all(f"{name} " in told for name in two_layer.VARIATIONS)
    assert "an output for each species, 200 steps: 98% of the 50" in told
    assert f"Adam optimizer='adam' 99% {figures['Adam']:.0%}" in told


def test_the_variations_change_one_argument_each(tmp_path, monkeypatch):
    made, classifier = [], train.Classifier

    def recorded(**settings):
        made.append(settings)
        return classifier(**settings)

    monkeypatch.setattr(train, "Classifier", recorded)
    figures, _ = run("two-layer", tmp_path, epochs=1, lr=0.3, seed=5)
    usual = {"hidden": (4,), "activation": "sigmoid", "optimizer": "sgd", "lr": 0.3, "epochs": 1, "random_state": 5}
    changes = [
        {},
        {"activation": "tanh"},
        {"activation": "relu"},
        {"loss": "hinge"},
        {"l1": 0.01},
        {"l2": 0.01},
        {"optimizer": "momentum"},
        {"optimizer": "adagrad"},
        {"optimizer": "adam"},
        {"hidden": (4, 4)},
    ]
    assert made == [usual | change for change in changes]
    assert figures.keys() == {"largest error on xor", "iris", *two_layer.VARIATIONS}


def test_one_hot():
    assert two_layer.one_hot([1, 0, 2]) == np.eye(3)[[1, 0, 2]].tolist()


def test_one_update_term_by_term(tmp_path):
    figures, told = run("one-update", tmp_path)
    assert "out = 0.8444 * 1 + 0.7580 * 0 + 0.4206 * 1 = 1.2650" in told
    assert "error = 1 - 1.2650 = -0.2650" in told
    rng = Random(0)
    w = np.array([rng.uniform(0.0, 1.0) for _ in range(3)])
    change = 0.1 * (1.0 - w[0] - w[2])
    assert f"w0 {w[0]:.6g} 0.1 * -0.2650 * 1 {change:.6g} {w[0] + change:.6g}" in told
    assert f"w1 {w[1]:.6g} 0.1 * -0.2650 * 0 0 {w[1]:.6g}" in told
    for name, settings in HAND_VARIATIONS.items():
        *_, last = by_hand.one_update(w, np.array([1.0, 0.0, 1.0]), 1.0, **({"rates": [0.1] * 5} | settings))
        assert figures[name] == pytest.approx(1.0 - last[0] - last[2], rel=1e-12)
        assert f"{name} " in told
    assert figures["L1 penalty"] == pytest.approx(figures["L1 decay"], rel=1e-12)


def test_a_million_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(updates, "PARAMETERS", 1_000)
    monkeypatch.setattr(updates, "perf_counter", itertools.count().__next__)  # one second for all updates of a kind
    figures, told = run("million", tmp_path, epochs=4)
    assert figures == dict.fromkeys(["SGD", "SGD with momentum", "Adam"], 0.25)
    assert "1,000 parameters" in told
    assert "4 updates each" in told
    assert "SGD with momentum 0.25 250000" in told


@pytest.mark.slow
def test_house_prices_are_predicted(tmp_path):
    figures, told = run("house-prices", tmp_path)
    assert figures["R^2"] > 0.97
    assert figures["test R^2"] > 0.95
    assert 15.0 < figures["test error"] < 30.0
    assert "explained: 0.978, and 0.961 on the test." in told


def test_r_squared():
    predicted, true = [1.0, 2.5, 3.0, 4.5], [1.0, 2.0, 3.0, 6.0]
    assert prices.r_squared(predicted, true) == pytest.approx(1.0 - (0.25 + 2.25) / (4.0 + 1.0 + 0.0 + 9.0))


PICTURES = {
    "xor": {"xor-loss.png"},
    "single-layer": {"single-layer.png"},
    "tanh-xor": {"tanh-xor.html", "tanh-xor-loss.png"},
    "two-layer": set(),
    "one-update": set(),
    "million": set(),
    "house-prices": {"house-prices.png", "house-prices-loss.png"},
}


@pytest.mark.parametrize("name", PICTURES)
def test_each_runs_for_a_few_steps_and_draws(name, tmp_path, monkeypatch):
    monkeypatch.setattr(updates, "PARAMETERS", 10)
    figures, told = run(name, tmp_path, epochs=3, seed=7)
    assert all(np.isfinite(list(figures.values())))
    assert re.search(r"\b3 (steps|rounds|updates)", told)
    assert pictures(tmp_path) == PICTURES[name]


def test_ctrl_c_ends_the_variations(tmp_path, monkeypatch):
    monkeypatch.setattr("autograd_tiny.train.estimators.fit", lambda *_, **__: train.History([1.0], interrupted=True))
    with pytest.raises(KeyboardInterrupt):
        run("two-layer", tmp_path, epochs=1)


@pytest.mark.parametrize("name", ["xor", "single-layer", "tanh-xor", "two-layer", "house-prices"])
def test_ctrl_c_ends_them(name, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "fit", lambda *_, **__: train.History(interrupted=True))
    with pytest.raises(KeyboardInterrupt):
        run(name, tmp_path)


@pytest.mark.parametrize("name", PICTURES)
def test_a_learning_rate_out_of_range_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.setattr(updates, "PARAMETERS", 10)
    with pytest.raises(ParameterError, match=r"lr is a finite number of at least 0, got -1\.0"):
        run(name, tmp_path, lr=-1.0)


def test_seed_and_lr_change_the_run(tmp_path):
    first, _ = run("tanh-xor", tmp_path, epochs=5)
    assert run("tanh-xor", tmp_path, epochs=5)[0] == first
    assert run("tanh-xor", tmp_path, epochs=5, seed=1)[0] != first
    assert run("tanh-xor", tmp_path, epochs=5, lr=0.1)[0] != first
    assert run("one-update", tmp_path, lr=0.2)[0] != run("one-update", tmp_path)[0]
