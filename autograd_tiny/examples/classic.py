"""Xor, single-layer and tanh-xor: the networks of first lessons, small enough to be followed by hand."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from .. import nn, optim, train
from ..explanation import explain
from ..plot import COLORS, MARKERS, plot_history
from ..value import Value
from .stage import Options, Stage
from .training import full_batch, outputs_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CORNERS = [[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0]]  # the third input stands for a bias
XOR = [0.0, 1.0, 1.0, 0.0]
FIRST_INPUT = [0.0, 0.0, 1.0, 1.0]
FAILING_SEED = 2477  # the only one below 3,000 with which xor gets stuck
STRIPES, STRIPE_LABELS = [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]], [1.0, 0.0]


# ---------------------------------------------------------------- the networks


def xor_network(seed: int) -> nn.MLP:
    """Return the 3-4-1 network of sigmoids, without biases, its weights uniform between 0 and 1."""
    return nn.MLP(3, [4, 1], ["sigmoid", "sigmoid"], bias=False, init="uniform_", rng=seed)


def single_layer_network(seed: int) -> nn.MLP:
    """Return one sigmoid neuron with 3 inputs and no bias, its weights uniform between -1 and 1."""
    return nn.MLP(3, [1], ["sigmoid"], bias=False, init=partial(nn.init.uniform_, a=-1.0, b=1.0), rng=seed)


def tanh_network(seed: int) -> nn.MLP:
    """Return the 3-4-1 network of tanh and a sigmoid, without biases, its weights standard normal."""
    return nn.MLP(3, [4, 1], ["tanh", "sigmoid"], bias=False, init="normal_", rng=seed)


# ---------------------------------------------------------------- their losses


def squared_error(outputs: list[Any], targets: list[Any]) -> Any:
    """Sum of (y - out)^2, whose slope -2 (y - out) puts a 2 into the textbook's update."""
    return nn.mse_loss(outputs, targets, reduction="sum")


def half_squared_error(outputs: list[Any], targets: list[Any]) -> Any:
    """Half the sum of (y - out)^2, whose slope -(y - out) is the textbook's error with a minus."""
    return 0.5 * squared_error(outputs, targets)


# ---------------------------------------------------------------- the examples


def xor(stage: Stage, options: Options) -> dict[str, float]:
    """Learn exclusive or with a hidden layer, from a start that leads there and from one that does not."""
    stage.say("Exclusive or of the first two inputs; the third is always 1, in the place of a bias.")
    stage.say(
        "3 -> 4 -> 1, sigmoid both, no biases, weights uniform between 0 and 1. The textbook adds "
        "lr * a^T 2 (y - out) out (1 - out) to the last weights: it descends the sum of (y - out)^2."
    )
    seeds = (options.seed, FAILING_SEED)
    models = [xor_network(seed) for seed in seeds]
    histories = [full_batch(model, CORNERS, XOR, squared_error, options, lr=1.0, epochs=1500) for model in models]
    answers = [outputs_of(model, CORNERS) for model in models]
    losses = [squared_error(outputs, XOR) for outputs in answers]
    headings = ("x", "y", *(f"out, seed {seed}" for seed in seeds))
    stage.table(headings, zip(map(_digits, CORNERS), XOR, *answers, strict=True))
    stage.say(f"After {histories[0].epochs:,} steps the losses are {losses[0]:.4f} and {losses[1]:.4f}.")
    stage.say(
        f"Seed {FAILING_SEED} is the only one below 3,000 that gets stuck: two outputs stay at 0.5, in a valley whose "
        "floor is a loss of 0.5, and no small step leads out. With momentum 0.9 the same start leads to the goal."
    )
    stage.figure("xor-loss.png", lambda figure: draw_two_starts(figure, seeds, histories))
    return {"loss": losses[0], "largest error": _largest_error(answers[0], XOR), "loss of the failing seed": losses[1]}


def single_layer(stage: Stage, options: Options) -> dict[str, float]:
    """Follow one neuron through the five steps, then see what it can learn and what it cannot."""
    stage.say(
        "One sigmoid neuron, 3 inputs, no bias. Training repeats five steps; the first two rounds in numbers. The loss "
        "is half the sum of (y - out)^2, so that its slopes at out and at w . x are -error and -delta."
    )
    lr = 1.0 if options.lr is None else options.lr
    show_five_steps(stage, single_layer_network(options.seed), CORNERS, FIRST_INPUT, lr, rounds=2)
    targets = (XOR, FIRST_INPUT)
    models = [single_layer_network(options.seed) for _ in targets]
    for model, y in zip(models, targets, strict=True):
        history = full_batch(model, CORNERS, y, half_squared_error, options, lr=1.0, epochs=10_000)
    answers = [outputs_of(model, CORNERS) for model in models]
    stage.say(f"{history.epochs:,} rounds from the same start, for two targets:")
    rows = zip(map(_digits, CORNERS), XOR, answers[0], FIRST_INPUT, answers[1], strict=True)
    stage.table(("x", "y = x1 xor x2", "out", "y = x1", "out"), rows)
    stage.say(
        "y = x1 is learned, exclusive or is not. The neuron answers above 0.5 on one side of the line w . x = 0 and "
        "below on the other, and no line has 01 and 10 on one side and 00 and 11 on the other. The best that is left "
        "is to answer 0.5 always. A hidden layer helps: autograd-tiny train xor"
    )
    stage.figure("single-layer.png", lambda figure: draw_planes(figure, models), 9.6, 4.4)
    return {
        "largest error": _largest_error(answers[1], FIRST_INPUT),
        "largest error on xor": _largest_error(answers[0], XOR),
        "loss on xor": half_squared_error(answers[0], XOR),
    }


def tanh_xor(stage: Stage, options: Options) -> dict[str, float]:
    """Compute the deltas of a tanh layer and a sigmoid by the textbook's formulas, find them as gradients, train."""
    model, x, y = tanh_network(options.seed), STRIPES[1], STRIPE_LABELS[1]
    stage.say(
        "3 -> 4 tanh -> 1 sigmoid, no biases. Backpropagation by hand computes a delta for every neuron: how fast half "
        f"of (y - out)^2 falls when the neuron's weighted sum z grows. For x = {_digits(x)}, y = {y:g}, untrained:"
    )
    loss, rows = deltas(model, x, y)
    stage.table(("name", "formula", "by hand", "-z.grad after backward()"), rows)
    stage.say("The slope of a weight is minus the delta of its neuron times what comes in through it. Every step:")
    stage.picture("tanh-xor.html", explain(loss).to_html)
    history = full_batch(model, STRIPES, STRIPE_LABELS, half_squared_error, options, lr=1.0, epochs=1000)
    answers = outputs_of(model, STRIPES)
    stage.say(f"After {history.epochs:,} steps on both examples:")
    stage.table(("x", "y", "out"), zip(map(_digits, STRIPES), STRIPE_LABELS, answers, strict=True))
    stage.figure("tanh-xor-loss.png", lambda figure: plot_history(history, figure.subplots()))
    return {
        "largest error": _largest_error(answers, STRIPE_LABELS),
        "largest gap": max(abs(by_hand - by_engine) for _, _, by_hand, by_engine in rows),
    }


# ---------------------------------------------------------------- the steps, made visible


def show_five_steps(stage: Stage, model: nn.MLP, X: Sequence[Any], y: Sequence[float], lr: float, rounds: int) -> None:
    """Train a single sigmoid neuron, and print what each of the five steps computes."""
    optimizer = optim.SGD(model.parameters(), lr=lr)
    for number in range(1, rounds + 1):
        outputs = [model(x) for x in X]  # forward
        errors = [target - out.data for target, out in zip(y, outputs, strict=True)]  # error
        optimizer.zero_grad()
        half_squared_error(outputs, list(y)).backward()  # backward
        sums = [out.parents[0] for out in outputs]
        gradients = [w.grad for w in optimizer.params]  # gradients
        optimizer.step()  # update
        steps = [
            ("forward", "out = sigmoid(w . x)", outputs),
            ("error", "error = y - out", errors),
            ("backward", "delta = error out (1 - out)", [-z.grad for z in sums]),
            ("gradients", "-sum of delta x", gradients),
            ("update", f"w - {lr:g} * gradient", optimizer.params),
        ]
        rows = [(name, formula, "".join(f"{float(x):9.4f}" for x in numbers)) for name, formula, numbers in steps]
        stage.table((f"round {number}", "formula", "  one per example, then per weight"), rows)


def deltas(model: nn.MLP, x: Sequence[float], y: float) -> tuple[Value, list[tuple[str, str, float, float]]]:
    """Return half the squared error of one example, and for each neuron its delta, by hand and by ``backward()``.

    The textbook's deltas are minus the slopes of the loss: it adds where gradient descent subtracts.

    Args:
        model: of tanh neurons and one sigmoid.
        x: the inputs of the example.
        y: its target.

    Returns:
        (loss, rows): the loss as a graph with labels, and rows of (name, formula, by hand, by ``backward()``).

    >>> loss, rows = deltas(tanh_network(0), [0.0, 1.0, 0.0], 1.0)
    >>> [name for name, *_ in rows]
    ['output delta', 'hidden delta 0', 'hidden delta 1', 'hidden delta 2', 'hidden delta 3']
    >>> all(abs(by_hand - by_engine) < 1e-15 for _, _, by_hand, by_engine in rows)
    True
    """
    hidden = model.layers[0](x)
    (out,) = model.layers[1](hidden)
    loss: Value = half_squared_error([out], [y])
    out.label, out.parents[0].label, loss.label = "out", "z", "loss"
    for i, a in enumerate(hidden):
        a.label, a.parents[0].label = f"a{i}", f"z{i}"
    model.zero_grad()
    loss.backward()
    output_delta = (y - out.data) * out.data * (1 - out.data)
    rows = [("output delta", "(y - out) out (1 - out)", output_delta, -out.parents[0].grad)]
    for i, (a, w) in enumerate(zip(hidden, model.layers[1].neurons[0].weights, strict=True)):
        by_hand = output_delta * w.data * (1 - a.data**2)
        rows.append((f"hidden delta {i}", f"output delta * w{i} (1 - a{i}^2)", by_hand, -a.parents[0].grad))
    return loss, rows


# ---------------------------------------------------------------- what the examples share


def draw_two_starts(figure: Figure, seeds: Sequence[int], histories: Sequence[train.History]) -> None:
    """Draw the losses of two trainings over the steps."""
    axes = figure.subplots()
    for seed, history, color, style in zip(seeds, histories, COLORS[:2], ("-", "--"), strict=True):
        steps = range(1, history.epochs + 1)
        axes.plot(steps, history.loss, color=color, linestyle=style, linewidth=2, label=f"seed {seed}")
    axes.set_title("One network, two starts: one gets stuck")
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.set_ylim(bottom=0.0)
    axes.grid(alpha=0.3)
    axes.legend()


def draw_planes(figure: Figure, models: Sequence[nn.MLP]) -> None:
    """Draw what two neurons answer over the plane of the first two inputs, and the corners they were taught."""
    low, high = -0.3, 1.3
    ticks = [low + (high - low) * i / 40 for i in range(41)]
    titles = ("0, 1, 1, 0: no line separates them", "0, 0, 1, 1: a line does")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, model, y, title in zip(panels, models, (XOR, FIRST_INPUT), titles, strict=True):
        plane = [outputs_of(model, [[x1, x2, 1.0] for x1 in ticks]) for x2 in ticks]
        shades = axes.imshow(
            plane,
            extent=(low, high, low, high),
            origin="lower",
            interpolation="bilinear",
            vmin=0.0,
            vmax=1.0,
            cmap="cividis",
            aspect="auto",
        )
        for (x1, x2, _), target, out in zip(CORNERS, y, outputs_of(model, CORNERS), strict=True):
            axes.scatter(x1, x2, s=90, marker=MARKERS[int(target)], color=COLORS[int(target)], edgecolor="white")
            axes.annotate(
                f"y {target:g}, out {out:.2f}",
                (x1, x2),
                xytext=(0, 12),
                textcoords="offset points",
                ha="center",
                bbox={"boxstyle": "round", "facecolor": "white"},
            )
        axes.set_title(title)
        axes.set_xlabel("x1")
        axes.set_xticks((0, 1))
        axes.set_yticks((0, 1))
    panels[0].set_ylabel("x2")
    figure.colorbar(shades, ax=list(panels), label="out")


def _digits(x: Sequence[float]) -> str:
    return "".join(f"{number:g}" for number in x)


def _largest_error(answers: Sequence[float], targets: Sequence[float]) -> float:
    return max(abs(target - answer) for answer, target in zip(answers, targets, strict=True))
