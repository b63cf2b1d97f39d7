"""Overfitting and imbalanced classes: when a low loss on the training data is not yet a good model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from .. import data, nn, optim, train
from ..plot import COLORS, plot_decision_boundary
from .stage import Options, Stage
from .training import outputs_of, trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Points = list[list[float]]
loss = nn.binary_cross_entropy_with_logits


# ---------------------------------------------------------------- overfitting


@dataclass(frozen=True)
class Cure:
    """One change to the plain training.

    Attributes:
        decay: settings of SGD that pull the weights towards 0.
        dropout: probability with which each hidden output is dropped.
        patience: epochs without a better validation loss after which the training stops; None for never.
        examples: how many it learns from.
    """

    decay: tuple[tuple[str, Any], ...] = ()
    dropout: float = 0.0
    patience: int | None = None
    examples: int = 30


CURES = {
    "none": Cure(),
    "L2": Cure(decay=(("weight_decay", 0.01),)),
    "L1": Cure(decay=(("l1_decay", 0.002),)),
    "dropout": Cure(dropout=0.3),
    "early stopping": Cure(patience=15),
    "more data": Cure(examples=180),
}
LR = 0.2


def overfitting(stage: Stage, options: Options) -> dict[str, float]:
    """Give a net of 337 parameters 30 noisy points, see it learn the noise, and try five cures."""
    X, y = data.make_moons(max(cure.examples for cure in CURES.values()), noise=0.3, random_state=7)
    validation = data.make_moons(60, noise=0.3, random_state=102)
    X_test, y_test = data.make_moons(500, noise=0.3, random_state=103)
    lr, epochs = LR if options.lr is None else options.lr, options.epochs or 80
    models, histories, rows, figures = {}, {}, [], {}
    for name, cure in CURES.items():
        model = models[name] = large_network(cure.dropout, options.seed)
        histories[name] = trained(
            model,
            X[: cure.examples],
            y[: cure.examples],
            loss=loss,
            optimizer=optim.SGD(model.parameters(), lr=lr, momentum=0.9, **dict(cure.decay)),
            epochs=epochs,
            validation_data=validation,
            callbacks=[train.EarlyStopping(model, cure.patience)] if cure.patience else [],
        )
        model.eval()
        outputs, outputs_test = (outputs_of(model, points) for points in (X[: cure.examples], X_test))
        figures[f"{name}: training loss"] = loss(outputs, y[: cure.examples])
        figures[f"{name}: test loss"] = loss(outputs_test, y_test)
        figures[f"{name}: test accuracy"] = train.accuracy(outputs_test, y_test)
        told = [figures[f"{name}: {what}"] for what in ("training loss", "test loss", "test accuracy")]
        rows.append((name, cure.examples, histories[name].epochs, *(round(number, 3) for number in told)))
    stage.say("A net 2 -> 16 -> 16 -> 1 with ReLU learns two moons that overlap, from few points; 500 others test it.")
    stage.table(("cure", "points", "epochs", "training loss", "test loss", "test accuracy"), rows)
    stage.say(
        "Without a cure the loss of the validation points, which are not learned from, soon rises while that of the "
        "training points still falls: the net learns their noise, and is sure where it is wrong. L2 and L1 keep the "
        "weights small, dropout lets no neuron rely on another, early stopping goes back to the best epoch: all make "
        "it less sure, and the test loss falls. To be right more often it needs more data."
    )
    stage.figure("overfitting-loss.png", lambda figure: draw_both_losses(figure, histories), 10.0, 6.0)
    learned = {name: (X[: cure.examples], y[: cure.examples]) for name, cure in CURES.items()}
    title = "What 30 noisy points teach, without a cure and with each"
    stage.figure("overfitting.png", lambda figure: draw_boundaries(figure, title, models, learned, 2), 10.0, 6.8)
    return figures


def large_network(dropout: float, seed: int) -> nn.Sequential:
    """Return a network 2 -> 16 -> 16 -> 1 with dropout behind the hidden layers."""
    first, second, last = nn.MLP(2, [16, 16, 1], "relu", rng=seed).layers
    drops = [nn.Dropout(dropout, rng=seed + k) for k in range(2)]
    return nn.Sequential(first, drops[0], second, drops[1], last, the_only)


def the_only(outputs: Sequence[Any]) -> Any:
    """Return the number that a list of one holds."""
    (output,) = outputs
    return output


def draw_both_losses(figure: Figure, histories: Mapping[str, train.History]) -> None:
    """Draw the losses of training and validation points for each cure."""
    panels = figure.subplots(2, 3, sharex=True, sharey=True)
    for axes, (name, history) in zip(panels.flat, histories.items(), strict=True):
        epochs = range(1, history.epochs + 1)
        axes.plot(epochs, history.loss, color=COLORS[0], linewidth=1.8, label="training")
        axes.plot(epochs, history.val_loss, color=COLORS[5], linewidth=1.8, linestyle="--", label="validation")
        axes.set_title(f"cure: {name}")
        axes.set_ylim(0.0, 1.0)
        axes.grid(alpha=0.3)
    panels[0, 0].legend()
    figure.supxlabel("epoch")
    figure.supylabel("loss")
    figure.suptitle("Overfitting: the validation loss rises while the training loss falls")


def draw_boundaries(
    figure: Figure,
    title: str,
    models: Mapping[str, Callable[[Any], Any]],
    examples: Mapping[str, tuple[Points, list[int]]],
    rows: int,
) -> None:
    """Draw where each model decides what, with the examples that it has learned from."""
    panels: Any = figure.subplots(rows, len(models) // rows, squeeze=False)
    for axes, (name, model) in zip(panels.flat, models.items(), strict=True):
        plot_decision_boundary(model, *examples[name], axes, resolution=40)
        axes.get_legend().remove()
        axes.set_title(name)
    figure.suptitle(title)


# ---------------------------------------------------------------- imbalanced classes


def imbalanced(stage: Stage, options: Options) -> dict[str, float]:
    """Find the few positives among many negatives, with a plain loss and with one that weights them."""
    X, y = data.make_imbalanced(400, positives=0.05, random_state=0)
    X_test, y_test = data.make_imbalanced(2000, positives=0.05, random_state=1)
    weight = (len(y) - sum(y)) / sum(y)
    lr, epochs = 0.5 if options.lr is None else options.lr, options.epochs or 100
    stage.say(
        f"400 payments, {sum(y)} of them fraud: who calls every one honest is right for {1 - sum(y) / len(y):.0%}, and "
        "finds nothing. So look at precision, how many of those called fraud are; at recall, how many of the frauds "
        "are found; and at F1, their harmonic mean."
    )
    models, rows = {}, []
    figures: dict[str, float] = {}
    for name, pos_weight in (("plain loss", 1.0), (f"pos_weight={weight:g}", weight)):
        model = models[name] = nn.Neuron(2, None, rng=options.seed)
        trained(
            model,
            X,
            y,
            loss=partial(loss, pos_weight=pos_weight),
            optimizer=optim.SGD(model.parameters(), lr=lr),
            epochs=epochs,
        )
        outputs = outputs_of(model, X_test)
        measured = {what: measure(outputs, y_test) for what, measure in MEASURES.items()}
        rows.append((name, *(round(number, 3) for number in measured.values())))
        key = "plain" if pos_weight == 1.0 else "weighted"
        figures |= {f"{key} {what}": number for what, number in measured.items()}
    stage.table(("loss", *MEASURES), rows)
    stage.say(
        f"On 2,000 others. With pos_weight={weight:g} each fraud counts as much as {weight:g} honest payments: more "
        "frauds are found, at the price of more false alarms and of accuracy. Which is better depends on what a missed "
        "fraud costs, and a false alarm."
    )
    title = "Squares are fraud: the weighted loss finds more of them, with more false alarms"
    learned = dict.fromkeys(models, (X, y))
    stage.figure("imbalanced.png", lambda figure: draw_boundaries(figure, title, models, learned, 1), 9.6, 4.8)
    return figures


MEASURES: dict[str, Callable[[Any, Any], float]] = {
    "accuracy": train.accuracy,
    "precision": train.precision,
    "recall": train.recall,
    "F1": train.f1_score,
}
