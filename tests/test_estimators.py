import copy
import pickle
import sys
import warnings
from random import Random
from types import SimpleNamespace

import numpy as np
import pytest

from autograd_tiny.data import load_iris, make_moons
from autograd_tiny.errors import MissingPackageError, NotARealNumberError, ParameterError, ShapeError
from autograd_tiny.nn import MLP, cross_entropy
from autograd_tiny.optim import SGD
from autograd_tiny.train import Classifier, Regressor, fit
from autograd_tiny.train.estimators import OPTIMIZERS, multiclass_hinge

X = [[0.0, 0.1], [0.2, 1.0], [0.9, 0.0], [1.0, 0.8], [2.1, 2.0], [1.9, 2.2]]
COLORS = ["red", "red", "blue", "blue", "green", "green"]
NUMBERS = [0.1, 1.2, 0.9, 1.8, 4.1, 4.1]  # the sums of the rows


def classifier(**settings):
    return Classifier(**({"hidden": (4,), "epochs": 60, "lr": 0.1, "batch_size": 4} | settings))


def regressor(**settings):
    return Regressor(**({"hidden": (4,), "epochs": 150, "lr": 0.05, "batch_size": 3} | settings))


# ---------------------------------------------------------------- what is learned


def test_a_classifier_is_the_loop_written_by_hand():
    ours = classifier(epochs=3, l1=0.01, l2=0.02, optimizer="sgd").fit(X, COLORS)
    rng = Random(0)
    model = MLP(2, [4, 3], "tanh", rng=rng)
    optimizer = SGD(model.parameters(), lr=0.1, weight_decay=0.02, l1_decay=0.01)
    indices = [["blue", "green", "red"].index(color) for color in COLORS]
    history = fit(model, X, indices, loss=cross_entropy, optimizer=optimizer, epochs=3, batch_size=4, rng=rng)
    assert ours.model_.state_dict() == model.state_dict()
    assert ours.history_.loss == history.loss


def test_classes_are_told_apart():
    model = classifier().fit(X, COLORS)
    assert model.classes_.tolist() == ["blue", "green", "red"]
    assert model.predict(X).tolist() == COLORS
    assert model.score(X, COLORS) == 1.0
    assert (model.n_features_in_, model.n_iter_, model.history_.metrics["accuracy"][-1]) == (2, 60, 1.0)
    outputs = np.array([[logit.data for logit in model.model_(x)] for x in X])
    assert model.decision_function(X).tolist() == outputs.tolist()
    exponentials = np.exp(outputs)
    assert model.predict_proba(X) == pytest.approx(exponentials / exponentials.sum(axis=1, keepdims=True))


def test_two_classes_are_decided_by_the_difference_of_their_outputs():
    model = classifier().fit(X, [1, 1, -1, -1, -1, -1])
    decisions = model.decision_function(X)
    assert decisions.shape == (6,)
    assert (decisions > 0).tolist() == (model.predict(X) == 1).tolist() == [True, True, *[False] * 4]
    assert model.predict_proba(X)[:, 1] == pytest.approx(1 / (1 + np.exp(-decisions)))


def test_probabilities_do_not_overflow():
    model = classifier().fit(X, COLORS)
    for neuron in model.model_.layers[-1].neurons:
        neuron.bias.data = 1e4
    probabilities = model.predict_proba(X)
    assert probabilities.sum(axis=1) == pytest.approx(1.0)


def test_probabilities_do_not_vanish_beside_those_of_another_example():
    model = classifier(hidden=(), epochs=1).fit(X, COLORS)
    for parameter in model.model_.parameters():
        parameter.data = 1.0
    assert model.predict_proba([[0.0, 0.0], [1e3, 1e3]]) == pytest.approx(np.full((2, 3), 1 / 3))


def test_numbers_are_predicted():
    model = regressor().fit(X, NUMBERS)
    assert model.predict(X) == pytest.approx(NUMBERS, abs=0.3)
    assert model.predict(X).shape == (6,)
    assert model.score(X, NUMBERS) > 0.98
    assert list(model.history_.curves()) == ["loss"]


@pytest.mark.slow
def test_iris_is_learned_to_95_percent():
    iris = load_iris()
    rows = (np.array(iris.data) - np.mean(iris.data, axis=0)) / np.std(iris.data, axis=0)
    model = Classifier(hidden=(8,), epochs=30, lr=0.02).fit(rows, iris.target)
    assert model.score(rows, iris.target) >= 0.95


# ---------------------------------------------------------------- one argument each


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_learns(name):
    model = classifier(optimizer=name, epochs=100, lr=0.02 if name == "rmsprop" else 0.2).fit(X, COLORS)
    assert model.score(X, COLORS) == 1.0


def test_the_optimizers_are_the_ones_they_are_called():
    made = {name: make([MLP(1, [1]).parameters()[0]], lr=0.1) for name, make in OPTIMIZERS.items()}
    assert {name: type(optimizer).__name__ for name, optimizer in made.items()} == {
        "sgd": "SGD",
        "momentum": "SGD",
        "adagrad": "Adagrad",
        "rmsprop": "RMSprop",
        "adam": "Adam",
        "adamw": "AdamW",
    }
    assert [made[name].param_groups[0]["momentum"] for name in ("sgd", "momentum")] == [0.0, 0.9]


@pytest.mark.parametrize("activation", ["sigmoid", "relu", "tanh", None, lambda x: x.sin()])
def test_every_activation_learns(activation):
    assert classifier(activation=activation, epochs=100).fit(X, COLORS).score(X, COLORS) == 1.0


@pytest.mark.parametrize("colors", [COLORS, ["red"] * 4 + ["green"] * 2])
def test_hinge_learns_and_has_no_probabilities(colors):
    model = classifier(loss="hinge").fit(X, colors)
    assert model.score(X, colors) == 1.0
    assert not hasattr(model, "predict_proba")
    with pytest.raises(AttributeError, match="the scores of loss='hinge' give no probabilities"):
        model.predict_proba(X)


def test_hinge_of_two_classes_is_the_usual_one():
    from autograd_tiny.nn import hinge_loss

    outputs, indices = [[0.5, 1.0], [2.0, -1.0], [0.25, 0.0]], [1, 0, 1]
    scores = [b - a for a, b in outputs]
    assert multiclass_hinge(outputs, indices) == hinge_loss(scores, [1, -1, 1])
    assert multiclass_hinge(outputs, indices, reduction="none") == [0.5, 0.0, 1.25]


@pytest.mark.parametrize("loss", ["mse", "l1", "huber"])
def test_every_loss_of_numbers_learns(loss):
    assert regressor(loss=loss, epochs=200).fit(X, NUMBERS).score(X, NUMBERS) > 0.95


def test_outliers_pull_less_on_l1_than_on_mse():
    rows, y = [[0.0]] * 5, [1.0, 1.0, 1.0, 1.0, 11.0]
    settings = {"hidden": (), "epochs": 400, "lr": 0.05, "batch_size": None}
    assert Regressor(loss="l1", **settings).fit(rows, y).predict([[0.0]])[0] == pytest.approx(1.0, abs=0.1)
    assert Regressor(loss="mse", **settings).fit(rows, y).predict([[0.0]])[0] == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize("penalty", ["l1", "l2"])
def test_penalties_keep_parameters_small(penalty):
    def size(strength):
        model = classifier(**{penalty: strength}).fit(X, COLORS).model_
        return sum(abs(p.data) for p in model.parameters())

    assert size(0.2) < 0.5 * size(0.0)


def test_no_hidden_layer_is_logistic_regression():
    model = classifier(hidden=()).fit(X, COLORS)
    assert len(model.model_.layers) == 1
    assert model.score(X, COLORS) == 1.0


def test_class_weights_count_the_examples_of_a_class():
    rows, y = [[0.0]] * 4, ["a", "a", "a", "b"]
    settings = {"hidden": (), "epochs": 300, "batch_size": None}
    for weight, share in ((None, 3 / 4), ("balanced", 1 / 2), ({"b": 9.0}, 3 / 12), ({"a": 0.0}, 0.0)):
        probabilities = classifier(class_weight=weight, **settings).fit(rows, y).predict_proba([[0.0]])[0]
        assert probabilities == pytest.approx([share, 1 - share], abs=0.01)
    repeated = classifier(**settings).fit([[0.0]] * 6, ["a", "a", "a", "b", "b", "b"])
    balanced = classifier(class_weight="balanced", **settings).fit(rows, y)
    assert balanced.history_.loss == pytest.approx(repeated.history_.loss)


def test_class_weights_act_in_batches_of_one():
    rows, y = [[0.0]] * 4, ["a", "a", "a", "b"]
    model = classifier(hidden=(), batch_size=1, lr=0.02, optimizer="sgd", epochs=300, class_weight="balanced")
    assert model.fit(rows, y).predict_proba([[0.0]])[0] == pytest.approx([0.5, 0.5], abs=0.1)


def test_hinge_takes_class_weights():
    def decision(weight):
        model = classifier(loss="hinge", hidden=(), class_weight=weight, batch_size=None, epochs=100)
        return model.fit([[0.0]] * 4, [0, 0, 0, 1]).decision_function([[0.0]])[0]

    assert decision(None) < -0.5
    assert decision({1: 9.0}) > 0.5


def test_early_stopping_keeps_examples_back_and_takes_the_best():
    points, labels = make_moons(40, noise=0.3, random_state=0)
    settings = {"early_stopping": True, "epochs": 300, "validation_share": 0.25, "patience": 3}
    model = classifier(**settings).fit(points, labels)
    losses = model.history_.val_loss
    best = losses.index(min(losses)) + 1
    assert model.n_iter_ == len(losses) == best + 3 < 300
    again = classifier(**(settings | {"epochs": best})).fit(points, labels)
    assert again.model_.state_dict() == model.model_.state_dict()
    assert len(model.history_.val_metrics["accuracy"]) == model.n_iter_
    assert regressor(early_stopping=True, patience=1, epochs=5).fit(X, NUMBERS).history_.val_loss


def test_the_seed_decides_everything():
    def states(**settings):
        return [classifier(epochs=2, **settings).fit(X, COLORS).model_.state_dict() for _ in range(2)]

    one, same = states(random_state=1)
    assert one == same
    assert states(random_state=None)[0] == states(random_state=0)[0] != one
    rng = Random(1)
    first, second = states(random_state=rng)
    assert (first == one, second == one) == (True, False)


def test_progress_is_shown_when_asked(capsys):
    classifier(epochs=2).fit(X, COLORS)
    assert capsys.readouterr().err == ""
    classifier(epochs=2, progress=True).fit(X, COLORS)
    assert "epoch 2/2" in capsys.readouterr().err


# ---------------------------------------------------------------- scores


def test_scores_count_examples_with_their_weights():
    model = classifier().fit(X, COLORS)
    wrong = ["blue", *COLORS[1:]]
    assert model.score(X, wrong) == pytest.approx(5 / 6)
    assert model.score(X, wrong, sample_weight=[5, 1, 1, 1, 1, 1]) == 0.5
    model = regressor().fit(X, NUMBERS)
    y, weights = np.array(NUMBERS[::-1]), np.array([3.0, 1.0, 0.0, 1.0, 2.0, 1.0])
    left, mean = y - model.predict(X), (weights * y).sum() / weights.sum()
    by_hand = 1 - (weights * left**2).sum() / (weights * (y - mean) ** 2).sum()
    assert model.score(X, y, sample_weight=weights) == pytest.approx(by_hand)


def test_the_score_of_equal_targets():
    model = Regressor(hidden=(), epochs=1, lr=0.0).fit([[1.0], [2.0]], [0.0, 0.0])
    assert model.score([[1.0], [1.0]], [model.predict([[1.0]])[0]] * 2) == 1.0
    assert model.score([[1.0], [1.0]], [99.0, 99.0]) == 0.0


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        ([1.0], ShapeError, r"one target for each of 6 examples, got the shape \(1,\)"),
        ([-1.0] + [1.0] * 5, ParameterError, r"sample_weight is at least 0, .* got \[-1\.0"),
        ([0.0] * 6, ParameterError, "sample_weight is at least 0, and for some example above"),
        ([float("nan")] * 6, ParameterError, "sample_weight holds finite numbers, .* got nan"),
    ],
)
def test_bad_weights_are_refused(weights, error, message):
    for model in (classifier(epochs=1).fit(X, COLORS), regressor(epochs=1).fit(X, NUMBERS)):
        with pytest.raises(error, match=message):
            model.score(X, COLORS if isinstance(model, Classifier) else NUMBERS, sample_weight=weights)


# ---------------------------------------------------------------- settings


def test_settings_are_stored_unchanged_and_only_looked_at_when_fitting():
    hidden = [3, 2]
    model = Classifier(hidden=hidden, lr="no number")
    assert model.hidden is hidden
    assert model.get_params()["lr"] == "no number"
    assert model.set_params(lr=0.1) is model
    assert model.get_params() == Classifier(hidden=[3, 2], lr=0.1).get_params()
    for make in (lambda: Classifier((3,)), lambda: Classifier("hinge"), lambda: Regressor("l1")):
        with pytest.raises(TypeError):
            make()


def test_the_usual_settings():
    shared = {"hidden": (16,), "activation": "tanh", "optimizer": "adam", "lr": 0.01, "epochs": 200, "batch_size": 32}
    shared |= {"l1": 0.0, "l2": 0.0, "early_stopping": False, "validation_share": 0.2, "patience": 10}
    shared |= {"random_state": 0, "progress": False, "jit": False}
    assert Regressor().get_params() == shared | {"loss": "mse"}
    assert Classifier().get_params() == shared | {"loss": "cross_entropy", "class_weight": None}


def test_estimators_of_equal_settings_are_two():
    assert len({Classifier(), Classifier()}) == len({Regressor(), Regressor()}) == 2


def test_all_settings_are_named():
    shared = "hidden activation optimizer lr epochs batch_size l1 l2 early_stopping validation_share patience "
    shared += "random_state progress jit loss"
    assert sorted(Regressor().get_params()) == sorted(shared.split())
    assert sorted(Classifier().get_params(deep=False)) == sorted([*shared.split(), "class_weight"])


def test_an_unknown_setting_is_refused():
    model = Classifier()
    with pytest.raises(ParameterError, match=r"Classifier has no setting 'hiden'; did you mean hidden\?"):
        model.set_params(lr=0.5, hiden=(3,))
    assert model.lr == 0.01
    with pytest.raises(ParameterError, match="Regressor has no setting 'class_weight'"):
        Regressor().set_params(class_weight=None)


def test_the_printed_form_has_what_was_chosen():
    assert [repr(Classifier()), repr(Regressor(lr=0.5))] == ["Classifier()", "Regressor(lr=0.5)"]
    assert repr(Classifier(hidden=(4,), loss="hinge", lr=0.5)) == "Classifier(hidden=(4,), lr=0.5, loss='hinge')"


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"hidden": 16}, ParameterError, r"hidden is a list of layer sizes, got 16; use hidden=\(16,\)"),
        ({"hidden": (0,)}, ParameterError, "nout is a whole number of at least 1, got 0"),
        ({"activation": "thanh"}, ParameterError, "activation 'thanh' is no operation"),
        ({"loss": "mae"}, ParameterError, "loss is 'mse' or 'l1' or 'huber', got 'mae'"),
        ({"optimizer": "lbfgs"}, ParameterError, "optimizer is 'sgd' or .*'adamw', got 'lbfgs'"),
        ({"lr": -1.0}, ParameterError, r"lr is a finite number of at least 0, got -1\.0"),
        ({"epochs": 0}, ParameterError, "epochs is a whole number of at least 1, got 0"),
        ({"batch_size": 0}, ParameterError, "batch_size is a whole number of at least 1, got 0"),
        ({"l1": -1.0}, ParameterError, r"l1 is a finite number of at least 0, got -1\.0"),
        ({"l2": float("nan")}, ParameterError, "l2 is a finite number of at least 0, got nan"),
        ({"l2": "0.1"}, NotARealNumberError, "l2 needs one real number"),
        ({"early_stopping": True, "validation_share": 1.0}, ParameterError, "share above 0 and below 1, got 1.0"),
        ({"early_stopping": True, "patience": 0}, ParameterError, "patience is a whole number of at least 1, got 0"),
        ({"random_state": "seed"}, ParameterError, r"random_state is a random\.Random or an int seed"),
    ],
)
def test_bad_settings_are_refused(settings, error, message):
    model = regressor(**settings)
    with pytest.raises(error, match=message):
        model.fit(X, NUMBERS)
    assert not hasattr(model, "model_")


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ("even", "class_weight is 'balanced', got 'even'"),
        ({"pink": 1.0}, "class_weight is for the classes 'blue', 'green', 'red', got 'pink'"),
        ({"red": -1.0}, r"class_weight is a finite number of at least 0, got -1\.0"),
        (dict.fromkeys(COLORS, 0.0), "class_weight is above 0 for one class at least, got 0 for all"),
    ],
)
def test_bad_class_weights_are_refused(weight, message):
    with pytest.raises(ParameterError, match=message):
        classifier(class_weight=weight).fit(X, COLORS)


def test_a_failed_fit_leaves_what_was_learned_before():
    model = classifier(epochs=1).fit(X, COLORS)
    before = model.predict(X).tolist()
    with pytest.raises(ParameterError, match="lr is"):
        model.set_params(lr=-1.0).fit(X, [0, 1, 2, 3, 4, 5])
    assert model.predict(X).tolist() == before


# ---------------------------------------------------------------- data


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        ([1.0, 2.0], ShapeError, r"X is a table .* got 1 dimension\(s\)\. Reshape your data"),
        ([[[1.0]]], ShapeError, r"X is a table .* got 3 dimension\(s\)"),
        (np.zeros((0, 2)), ShapeError, r"X has 0 sample\(s\) \(shape=\(0, 2\)\) while a minimum of 1"),
        (np.zeros((6, 0)), ShapeError, r"X has 0 feature\(s\) \(shape=\(6, 0\)\) while a minimum of 1"),
        ([[1.0, 2.0], [3.0]], ShapeError, "X has rows of one length"),
        (
            [["1.0", "2.0"]] * 6,
            NotARealNumberError,
            r"X holds numbers, got <U3; convert it first: array\.astype\(float\)",
        ),
        ([["a", None]] * 6, NotARealNumberError, "X holds numbers, got something else: could not convert"),
        ([[1.0, {}]] * 6, NotARealNumberError, "X holds numbers, got something else: float"),
        ([[1.0, float("nan")]] * 6, ParameterError, "X holds finite numbers, no NaN and no infinity, got nan"),
        ([[1.0, float("inf")]] * 6, ParameterError, "X holds finite numbers, no NaN and no infinity, got inf"),
        ([[1.0, 1j]] * 6, ParameterError, "Complex data not supported: X holds real numbers"),
    ],
)
def test_bad_examples_are_refused(rows, error, message):
    fitted = classifier(epochs=1).fit(X, COLORS)
    for call in (lambda: classifier().fit(rows, COLORS), lambda: fitted.predict(rows)):
        with pytest.raises(error, match=message):
            call()


def test_a_sparse_table_is_refused():
    class Sparse:
        def toarray(self):
            return np.array(X)

    with pytest.raises(ParameterError, match=r"X is a dense table, got a sparse one; use X\.toarray\(\)"):
        classifier().fit(Sparse(), COLORS)


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (None, ParameterError, "fit requires y to be passed, but the target y is None"),
        (COLORS[:5], ShapeError, r"y has one target for each of 6 examples, got the shape \(5,\)"),
        ([[0, 1]] * 6, ShapeError, r"y has one target for each of 6 examples, got the shape \(6, 2\)"),
    ],
)
def test_bad_targets_are_refused(y, error, message):
    for model in (classifier(), regressor()):
        with pytest.raises(error, match=message):
            model.fit(X, y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1] * 6, "y holds two or more classes, got 1 class: .*1"),
        ([0.5, 1, 2, 0, 1, 2], "Unknown label type: continuous numbers are no classes; use Regressor"),
        (np.array([1, "a", 2, 1, 1, 1], dtype=object), "Unknown label type: classes are all text or all whole numbers"),
        ([float("nan"), 1, 2, 0, 1, 2], "y holds classes, got NaN among them"),
    ],
)
def test_bad_classes_are_refused(y, message):
    with pytest.raises(ParameterError, match=message):
        classifier().fit(X, y)


def test_bad_numbers_are_refused():
    with pytest.raises(ParameterError, match=r"y holds finite numbers, .* got nan"):
        regressor().fit(X, [float("nan"), *NUMBERS[1:]])
    with pytest.raises(NotARealNumberError, match="y holds numbers, got <U5"):
        regressor().fit(X, COLORS)


def test_classes_are_of_any_kind():
    for labels in ([True, False] * 3, [-1.0, 1.0] * 3, [3, 7] * 3, np.array(["a", "b"] * 3, dtype=object)):
        model = classifier(epochs=1).fit(X, labels)
        assert set(model.predict(X).tolist()) <= set(np.asarray(labels).tolist())


def test_a_column_of_targets_is_taken_with_a_warning():
    with pytest.warns(UserWarning, match="A column-vector y was passed") as caught:
        model = regressor(epochs=2).fit(X, [[y] for y in NUMBERS])
    assert [warning.filename for warning in caught] == [__file__]
    assert model.model_.state_dict() == regressor(epochs=2).fit(X, NUMBERS).model_.state_dict()


def test_another_number_of_features_is_refused():
    model = classifier(epochs=1).fit(X, COLORS)
    with pytest.raises(ShapeError, match="X has 3 features, but Classifier is expecting 2 features as input"):
        model.predict([[1.0, 2.0, 3.0]])


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_before_fit_there_is_nothing_to_ask(method):
    with pytest.raises(ParameterError, match=r"Classifier is not fitted; call fit\(X, y\) first"):
        getattr(Classifier(), method)(X)


def test_before_fit_scikit_learn_gets_its_own_error(monkeypatch):
    exceptions = pytest.importorskip("sklearn.exceptions")
    with pytest.raises(exceptions.NotFittedError, match="Regressor is not fitted"):
        Regressor().predict(X)
    monkeypatch.delitem(sys.modules, "sklearn.exceptions")
    with pytest.raises(ParameterError) as caught:
        Regressor().predict(X)
    assert caught.type is ParameterError


def test_without_numpy_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(MissingPackageError, match=r'an estimator needs .*pip install "autograd_tiny\[data\]"'):
        Classifier().fit(X, COLORS)


# ---------------------------------------------------------------- copies


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])  # noqa: S301 - written by this test
def test_copies_answer_alike_and_learn_apart(twin):
    for model, y in ((classifier(), COLORS), (regressor(activation="relu"), NUMBERS)):
        assert twin(model).get_params() == model.get_params()
        model.fit(X, y)
        model.set_params(hidden=(9,), activation="sigmoid")  # of the next fit, not of what was learned
        other = twin(model)
        assert other.predict(X).tolist() == model.predict(X).tolist()
        assert other.history_ == model.history_
        other.model_.parameters()[0].data = 99.0
        assert model.model_.parameters()[0].data != 99.0


def test_the_state_of_an_estimator_is_plain():
    state = classifier(epochs=1).fit(X, COLORS).__getstate__()
    assert "model_" not in state
    shape, numbers = state["_network"]
    assert shape == (2, [4, 3], "tanh")
    assert all(isinstance(number, (float, list)) for number in numbers.values())


# ---------------------------------------------------------------- scikit-learn


def test_scikit_learn_is_told_what_an_estimator_is(monkeypatch):
    """What scikit-learn makes of it is seen in its own checks, below; these are names in its place."""
    kinds = {"ClassifierTags": lambda: "classes", "RegressorTags": lambda: "numbers", "TargetTags": SimpleNamespace}
    monkeypatch.setitem(sys.modules, "sklearn", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "sklearn.utils", SimpleNamespace(Tags=SimpleNamespace, **kinds))
    needed = SimpleNamespace(required=True)
    assert [vars(model.__sklearn_tags__()) for model in (Classifier(), Regressor())] == [
        {"estimator_type": "classifier", "target_tags": needed, "classifier_tags": "classes"},
        {"estimator_type": "regressor", "target_tags": needed, "regressor_tags": "numbers"},
    ]


def test_clones_are_unfitted_and_equal():
    clone = pytest.importorskip("sklearn.base").clone
    model = classifier(class_weight={"red": 2.0}).fit(X, COLORS)
    twin = clone(model)
    assert twin.get_params() == model.get_params()
    assert not hasattr(twin, "model_")


@pytest.mark.slow
def test_pipelines_and_searches_take_them():
    pytest.importorskip("sklearn")
    from sklearn.base import is_classifier, is_regressor
    from sklearn.model_selection import GridSearchCV, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows, colors = X * 3, COLORS * 3
    assert (is_classifier(Classifier()), is_regressor(Classifier())) == (True, False)
    assert (is_classifier(Regressor()), is_regressor(Regressor())) == (False, True)
    pipeline = make_pipeline(StandardScaler(), classifier(epochs=30))
    search = GridSearchCV(pipeline, {"classifier__hidden": [(), (3,)], "classifier__lr": [1e-9, 0.1]}, cv=3)
    search.fit(rows, colors)
    assert search.best_params_["classifier__lr"] == 0.1
    assert search.predict(rows).tolist() == colors
    assert search.predict_proba(rows).shape == (18, 3)
    assert cross_val_score(regressor(), rows, NUMBERS * 3, cv=2).mean() > 0.8
    assert cross_val_score(classifier(), rows, [0, 0, 0, 0, 1, 1] * 3, cv=3, scoring="roc_auc").tolist() == [1.0] * 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        Classifier(hidden=(4,), epochs=15, lr=0.1),
        Classifier(hidden=(4,), epochs=15, lr=0.1, loss="hinge"),
        Regressor(hidden=(4,), epochs=20, lr=0.02),
    ],
    ids=repr,
)
def test_the_checks_of_scikit_learn_pass(model):
    checks = pytest.importorskip("sklearn.utils.estimator_checks")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it does not inherit from BaseEstimator, and knows that
        results = checks.check_estimator(model, on_fail=None, on_skip=None)
    failed = {
        result["check_name"]: result["exception"] for result in results if result["status"] not in ("passed", "skipped")
    }
    assert failed == {}
    skipped = {result["check_name"] for result in results if result["status"] == "skipped"}
    # without pandas, and without the array API that SciPy reads from the environment
    assert skipped <= {
        "check_array_api_input",
        "check_classifier_data_not_an_array",
        "check_regressor_data_not_an_array",
    }
    assert len(results) > 45


def test_texts_beside_numbers_are_no_classes():
    with pytest.raises(ParameterError, match="classes are all text or all whole numbers, got a mixture"):
        Classifier(epochs=1).fit([[0.0], [1.0]], ["a", 1])
