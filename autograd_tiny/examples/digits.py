"""Digits: handwritten numbers of 8 by 8 pixels, read by a perceptron and by a convolutional network."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

from .. import data, nn, optim, train
from .stage import Options, Stage
from .training import conclude, outputs_of, trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Image = list[list[float]]
EXAMPLES, TESTS = 1000, 400
BATCH = 5
SHOWN = 10


def digits(stage: Stage, options: Options) -> dict[str, float]:
    """Read digits with a perceptron that sees 64 numbers in a row."""
    model = nn.Sequential(nn.Flatten(), nn.MLP(64, [32, 10], "relu", rng=options.seed))
    stage.say("64 pixels -> 32 ReLU -> 10 logits: the net sees the pixels as a row, and not which are neighbours.")
    return read_digits(stage, options, "digits", model, lr=0.01)


def digits_conv(stage: Stage, options: Options) -> dict[str, float]:
    """Read digits with a convolutional network, whose eight kernels look for one thing each, everywhere."""
    rng = Random(options.seed)
    conv = nn.Conv2d(1, 8, 3, bias=False, rng=rng)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu", rng=rng)
    read_out = nn.Linear(8 * 3 * 3, 10, rng=rng)
    model = nn.Sequential(one_channel, conv, nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), read_out)
    stage.say(
        "8 kernels of 3 by 3 -> the largest of each 2 by 2 -> ReLU -> 10 logits: each kernel looks for one thing, such "
        "as an edge, at every place of the image."
    )
    figures = read_digits(stage, options, "digits-conv", model, lr=0.02)
    kernels = [[[w.data for w in row] for row in kernel] for (kernel,) in conv.weight]
    stage.figure("digits-conv-kernels.png", lambda figure: draw_kernels(figure, kernels), 9.6, 1.9)
    return figures


def one_channel(image: Image) -> list[Image]:
    """Return the image as the only one of a list, as a convolution takes it."""
    return [image]


def read_digits(stage: Stage, options: Options, name: str, model: nn.Sequential, lr: float) -> dict[str, float]:
    """Train a model on a fixed part of the digits, test it on another and draw what it got wrong.

    Args:
        stage, options: as for every example.
        name: the beginning of the pictures' names.
        model: from an image to ten logits.
        lr: what suits it, falling to 0.

    Returns:
        Loss, accuracy and accuracy on the test.
    """
    X, y, X_test, y_test = data.split(*data.load_digits(), random_state=0)
    X, y, X_test, y_test = X[:EXAMPLES], y[:EXAMPLES], X_test[:TESTS], y_test[:TESTS]
    lr, epochs = lr if options.lr is None else options.lr, options.epochs or 5
    optimizer = optim.Adam(model.parameters(), lr=lr)
    stage.say(
        f"{len(optimizer.params):,} parameters. Of the 1,797 digits it learns from {EXAMPLES:,} in batches of {BATCH} "
        f"(Adam, lr {lr:g} falling to 0), and {TESTS} others are the test."
    )
    history = trained(
        model,
        X,
        y,
        loss=nn.cross_entropy,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=BATCH,
        rng=options.seed,
        metrics={"accuracy": train.accuracy},
        scheduler=optim.LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=epochs * EXAMPLES // BATCH),
        schedule_every="step",
        jit=bool(options.jit),
    )
    outputs, outputs_test = outputs_of(model, X), outputs_of(model, X_test)
    figures = {
        "loss": nn.cross_entropy(outputs, y),
        "accuracy": train.accuracy(outputs, y),
        "test accuracy": train.accuracy(outputs_test, y_test),
    }
    conclude(stage, name, history, figures)
    answers = [logits.index(max(logits)) for logits in outputs_test]
    wrong = [(x, seen, true) for x, seen, true in zip(X_test, answers, y_test, strict=True) if seen != true]
    stage.figure(f"{name}-wrong.png", lambda figure: draw_wrong(figure, wrong[:SHOWN], len(wrong)), 7.6, 3.8)
    return figures


def draw_wrong(figure: Figure, wrong: Sequence[tuple[Image, int, int]], count: int) -> None:
    """Draw some images with what the model reads and what they are."""
    panels = list(figure.subplots(2, SHOWN // 2).flat)
    for axes in panels:
        axes.set_axis_off()
    for axes, (image, seen, true) in zip(panels, wrong, strict=False):
        axes.imshow(image, cmap="Greys", vmin=0.0, vmax=1.0)
        axes.set_title(f"reads {seen}, is {true}", fontsize="medium")
    figure.suptitle(f"{len(wrong)} of the {count} wrong answers in {TESTS}")


def draw_kernels(figure: Figure, kernels: Sequence[Image]) -> None:
    """Draw the weights of each kernel."""
    largest = max(abs(w) for kernel in kernels for row in kernel for w in row)
    panels = figure.subplots(1, len(kernels))
    for axes, kernel in zip(panels, kernels, strict=True):
        picture = axes.imshow(kernel, cmap="PuOr", vmin=-largest, vmax=largest)
        axes.set(xticks=[], yticks=[])
    figure.colorbar(picture, ax=list(panels), label="weight")
    figure.suptitle("What the eight kernels look for: ink where violet, paper where orange")
