"""Two-layer: the small class that everyone writes once, on exclusive or and on iris, and what one argument changes."""

from __future__ import annotations

from random import Random
from typing import Any

from .. import data, nn, train
from .classic import XOR, half_squared_error
from .stage import Options, Stage
from .training import full_batch, outputs_of

CORNERS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
HIDDEN = 4
USUAL: dict[str, Any] = {"hidden": (HIDDEN,), "activation": "sigmoid", "optimizer": "sgd", "lr": 0.2, "epochs": 50}
VARIATIONS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "activation tanh": {"activation": "tanh"},
    "activation ReLU": {"activation": "relu"},
    "hinge loss": {"loss": "hinge"},
    "L1": {"l1": 0.01},
    "L2": {"l2": 0.01},
    "momentum": {"optimizer": "momentum"},
    "Adagrad": {"optimizer": "adagrad"},
    "Adam": {"optimizer": "adam"},
    "two hidden layers": {"hidden": (HIDDEN, HIDDEN)},
}
"""What to change about ``train.Classifier(**USUAL)``."""


def two_layer_network(n_in: int, n_hidden: int, n_out: int, seed: int) -> nn.MLP:
    """Return the network of two layers of sigmoids, weights and biases standard normal."""
    model, rng = nn.MLP(n_in, [n_hidden, n_out], ["sigmoid", "sigmoid"]), Random(seed)
    for _, tensor in model.named_tensors():
        nn.init.normal_(tensor, rng=rng)
    return model


def two_layer(stage: Stage, options: Options) -> dict[str, float]:
    """Train the two layers on exclusive or and on iris; then let the estimator vary them, one argument at a time."""
    stage.say("n_in -> n_hidden -> n_out, sigmoid both, weights and biases standard normal. Exclusive or, 2 -> 4 -> 1:")
    model = two_layer_network(2, HIDDEN, 1, options.seed)
    history = full_batch(model, CORNERS, XOR, half_squared_error, options, lr=1.0, epochs=2000)
    outputs = outputs_of(model, CORNERS)
    stage.table(("x1", "x2", "y", "out"), [(*x, y, out) for x, y, out in zip(CORNERS, XOR, outputs, strict=True)])
    stage.say(f"after {history.epochs:,} steps down half the sum of (y - out)^2.")
    figures = {"largest error on xor": max(abs(y - out) for y, out in zip(XOR, outputs, strict=True))}

    X, y, X_test, y_test = iris()
    model = two_layer_network(4, HIDDEN, 3, options.seed)
    history = full_batch(model, X, one_hot(y), half_squared_error, options, lr=0.05, epochs=200)
    figures["iris"] = train.accuracy(outputs_of(model, X_test), y_test)
    stage.say(
        f"Iris, 4 -> 4 -> 3, an output for each species, {history.epochs} steps: {figures['iris']:.0%} of the 50 "
        "flowers kept aside are right."
    )
    stage.say(
        "train.Classifier is that class with fit, predict and score; its usual loss is the cross-entropy. Right "
        "answers of variations, by one argument each:"
    )
    chosen = {name: given for name in ("epochs", "lr") if (given := getattr(options, name)) is not None}
    table = []
    for name, changes in VARIATIONS.items():
        classifier = train.Classifier(**USUAL | chosen | changes, random_state=options.seed).fit(X, y)
        if classifier.history_.interrupted:
            raise KeyboardInterrupt
        figures[name] = classifier.score(X_test, y_test)
        argument = ", ".join(f"{key}={value!r}" for key, value in changes.items())
        table.append((name, argument, f"{classifier.score(X, y):.0%}", f"{figures[name]:.0%}"))
    stage.table(("Classifier", "argument", "training set", "test set"), table)
    stage.say(
        "Plain SGD on sigmoids is slow, on two layers of them slower: each multiplies the gradient by at most 1/4. "
        "tanh, ReLU, momentum, Adagrad and Adam get on faster; L1 and L2 have little to do on data as clean as this."
    )
    return figures


def iris() -> tuple[list[list[float]], list[int], list[list[float]], list[int]]:
    """Return 100 standardised flowers to train on with their species, and 50 for the test."""
    flowers = data.load_iris()
    X, y, X_test, y_test = data.split(flowers.data, flowers.target, test_share=1 / 3, random_state=0)
    X, means, spreads = data.standardize(X)
    X_test, _, _ = data.standardize(X_test, means, spreads)
    return X, y, X_test, y_test


def one_hot(labels: list[int]) -> list[list[float]]:
    """Return a 1 in the place of each label, and 0 in the others.

    >>> one_hot([0, 2])
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    return [[float(k == label) for k in range(max(labels) + 1)] for label in labels]
