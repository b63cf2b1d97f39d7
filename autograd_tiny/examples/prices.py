"""House-prices: a number to predict, and inputs that have to be brought to one size first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .. import data, nn
from ..plot import COLORS, MARKERS, plot_history
from .stage import Options, Stage
from .training import full_batch, outputs_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOISE = 20.0  # in thousands: what no model can know about a price


def price_network(seed: int) -> nn.MLP:
    """Return the 2-3-1 network, tanh and then linear, with biases and the usual initial weights."""
    return nn.MLP(2, [3, 1], "tanh", rng=seed)


def house_prices(stage: Stage, options: Options) -> dict[str, float]:
    """Predict the price of a house from its area and its age."""
    houses, prices = data.make_houses(100, noise=NOISE, random_state=0)
    X, y, X_test, y_test = data.split(houses, prices, test_share=0.3, random_state=0)
    X, means, spreads = data.standardize(X)
    X_test, _, _ = data.standardize(X_test, means, spreads)
    standardized, (mean,), (spread,) = data.standardize([[price] for price in y])
    stage.say("100 houses: predict the price, in thousands, from the area and the age; 30 are kept aside as a test.")
    stage.say(
        "All numbers are standardised, (x - mean) / deviation, with the means and deviations of the other 70: areas up "
        "to 200 beside ages up to 60 would ask for different learning rates."
    )
    model = price_network(options.seed)
    targets = [target for (target,) in standardized]
    history = full_batch(model, X, targets, nn.mse_loss, options, lr=0.2, epochs=500)
    predicted, predicted_test = ([mean + spread * out for out in outputs_of(model, rows)] for rows in (X, X_test))
    figures = {"R^2": r_squared(predicted, y), "test R^2": r_squared(predicted_test, y_test)}
    error = math.dist(predicted_test, y_test) / math.sqrt(len(y_test))
    stage.say(f"2 -> 3 tanh -> 1, {history.epochs:,} steps of gradient descent on the mean squared error.")
    stage.say(
        f"R^2, the share of the variance that is explained: {figures['R^2']:.3f}, and {figures['test R^2']:.3f} on the "
        "test."
    )
    stage.say(
        f"The prices of the test are off by {error:.1f} thousand (root of the mean square). The houses were invented "
        f"with noise of {NOISE:g} thousand in their prices, which nothing can predict."
    )
    stage.figure("house-prices-loss.png", lambda figure: plot_history(history, figure.subplots()))
    shown = {"trained on": (y, predicted), "test": (y_test, predicted_test)}
    stage.figure("house-prices.png", lambda figure: draw_predictions(figure, shown), 6.0, 6.0)
    return figures | {"test error": error}


def r_squared(predicted: Sequence[float], true: Sequence[float]) -> float:
    """Return 1 - (sum of squared errors) / (sum of squared distances from the mean).

    1 is perfect, 0 no better than to answer the mean always.

    >>> r_squared([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]), r_squared([2.0, 2.0, 2.0], [1.0, 2.0, 3.0])
    (1.0, 0.0)
    """
    mean = math.fsum(true) / len(true)
    return 1.0 - math.dist(predicted, true) ** 2 / math.dist(true, [mean] * len(true)) ** 2


def draw_predictions(figure: Figure, pairs: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> None:
    """Draw predicted against true prices; a perfect prediction lies on the line."""
    axes = figure.subplots()
    ends = [f(price for true, _ in pairs.values() for price in true) for f in (min, max)]
    axes.plot(ends, ends, color="black", linewidth=1, label="predicted = true")
    for (name, (true, predicted)), color, marker in zip(pairs.items(), COLORS, MARKERS, strict=False):
        axes.scatter(true, predicted, color=color, marker=marker, edgecolor="black", linewidth=0.5, label=name)
    axes.set_xlabel("true price in thousands")
    axes.set_ylabel("predicted price in thousands")
    axes.set_aspect("equal")
    axes.grid(alpha=0.3)
    axes.legend()
