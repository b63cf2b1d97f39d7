"""Examples: the networks and ideas that textbooks name, each one a file that runs, tells and draws."""

from __future__ import annotations

from dataclasses import fields, replace
from importlib import import_module
from typing import NamedTuple

from ..errors import ParameterError, did_you_mean
from ..primitive import whole
from .stage import Options, Stage

__all__ = ["EXAMPLES", "Example", "Options", "Stage", "run"]


class Example(NamedTuple):
    """A line of the list.

    Attributes:
        module: the file that holds the function of the same name.
        about: what it shows.
        takes: names of the :class:`Options` that it honours, beside the seed.
        explains: whether it says what its numbers mean.
    """

    module: str
    about: str
    takes: str = "epochs lr"
    explains: bool = True


_TRAINING = "epochs lr checkpoint resume jit"
_COMPILED = "epochs lr jit"
EXAMPLES = {
    "moons": Example("classification", "two half moons, told apart by a curve", f"{_TRAINING} animate", explains=False),
    "iris": Example(
        "classification", "150 iris flowers of three species (Fisher 1936), with a test set", _TRAINING, explains=False
    ),
    "gpt": Example(
        "gpt",
        "a GPT of 4,000 parameters invents names, from a list of yours or its own",
        f"{_TRAINING} data",
        explains=False,
    ),
    "xor": Example("classic", "exclusive or by a 3-4-1 network, and a start from which it fails", _COMPILED),
    "single-layer": Example("classic", "one neuron in five named steps; what it can learn and what not", _COMPILED),
    "tanh-xor": Example(
        "classic", "the deltas of a 3-4-1 network with tanh, by the textbook's formulas and as gradients", _COMPILED
    ),
    "two-layer": Example("two_layer", "the class everyone writes once: exclusive or, iris, and its variations"),
    "one-update": Example("updates", "one step of gradient descent term by term, with L1, L2 and schedules"),
    "million": Example("updates", "what an update of 1,000,000 parameters costs"),
    "house-prices": Example("prices", "regression: the price of a house from its area and age", _COMPILED),
    "activations": Example("activations", "sigmoid, tanh, ReLU and five more with their slopes, and softmax"),
    "losses": Example(
        "losses", "MSE, MAE, Huber, hinge and cross-entropy with their slopes; what outliers do to a line"
    ),
    "optimizers": Example("optimizers", "nine ways down one valley, from gradient descent to AdamW", "epochs"),
    "schedules": Example(
        "optimizers", "seven plans for the learning rate: step, cosine, warm-up, one cycle and others"
    ),
    "vanishing": Example("deep_gradients", "gradients that vanish or explode in a deep network, and five cures"),
    "overfitting": Example("generalization", "a net that learns the noise; L2, L1, dropout, early stopping, more data"),
    "imbalanced": Example("generalization", "few positives among many: precision, recall, F1 and a weighted loss"),
    "local-minima": Example("search", "one network from thirty starts: which get stuck, and what helps", "epochs"),
    "why-gradients": Example(
        "search", "backpropagation against guessing: a genetic algorithm and a score function", "lr"
    ),
    "digits": Example("digits", "handwritten digits read by a small perceptron", _COMPILED),
    "digits-conv": Example("digits", "handwritten digits read by a convolutional network, and its kernels", _COMPILED),
    "sequence": Example("sequence", "an RNN, a GRU and an LSTM hear a wave and go on with it"),
}
"""Name -> what ``autograd-tiny train NAME`` runs."""


def run(name: str, stage: Stage, options: Options | None = None) -> dict[str, float]:
    """Run an example.

    Args:
        name: one of ``EXAMPLES``.
        stage: where it is told and drawn.
        options: what the reader chooses.

    Returns:
        The figures that it measured, by name.

    Raises:
        ParameterError: for an unknown name, an option that the example does not take, or epochs below 1.
        KeyboardInterrupt: on Ctrl-C.
    """
    if name not in EXAMPLES:
        remedy = did_you_mean(name, EXAMPLES) or "autograd-tiny train  lists them"
        raise ParameterError(f"there is no example {name!r}; {remedy}")
    options = options or Options()
    takes = EXAMPLES[name].takes.split()
    for field in fields(Options):
        if field.name not in ("seed", *takes) and getattr(options, field.name) != field.default:
            raise ParameterError(f"{name} takes no --{field.name}; it takes --seed {' '.join(f'--{t}' for t in takes)}")
    if options.resume and options.checkpoint is None:
        raise ParameterError("--resume goes on from a checkpoint; name its file with --checkpoint")
    if options.resuming and (options.lr is not None or options.seed):
        raise ParameterError("--resume goes on with the lr and seed of the checkpoint; leave out --lr and --seed")
    if options.epochs is not None:
        options = replace(options, epochs=whole(options.epochs, "--epochs"))
    stage.open()
    module = import_module(f".{EXAMPLES[name].module}", __name__)
    figures: dict[str, float] = getattr(module, name.replace("-", "_"))(stage, options)
    if EXAMPLES[name].explains and replace(options, jit=None) != Options():
        stage.say("The explanations are written for the usual settings; with yours the numbers may tell another story.")
    return figures
