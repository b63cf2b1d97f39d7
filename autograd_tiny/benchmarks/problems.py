"""What the benchmarks train, as plain numbers: data, first weights and settings, the same for every engine."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import NamedTuple, TypeAlias

from .. import data
from ..examples.gpt import GPT, Vocabulary, read_names

Step: TypeAlias = Callable[[], float]
"""Trains once and returns the loss that it trained on."""

Matrix: TypeAlias = list[list[float]]

MOONS_SIZES = (2, 16, 16, 1)
MOONS_POINTS = 100
MOONS_PENALTY = 1e-4
MOONS_LR = 0.5

GPT_NAME = "isabella"
GPT_HEADS = 4
GPT_NORM_EPS = 1e-5
GPT_LR, GPT_BETAS, GPT_EPS = 0.01, (0.85, 0.99), 1e-8

DIGITS_SIZES = (64, 32, 10)
DIGITS_BATCH = 64
DIGITS_LR, DIGITS_BETAS, DIGITS_EPS = 1e-3, (0.9, 0.999), 1e-8


class Moons(NamedTuple):
    """Two moons and a network of relu neurons; the set-up is that of micrograd's demo notebook.

    The loss is the mean of max(0, 1 - label * score) plus 1e-4 times the sum of the squares of all parameters.

    Attributes:
        points: 100 points in the plane.
        labels: -1 or 1 for each.
        layers: of a 2-16-16-1 network; a row per neuron: its weights, then its bias.
    """

    points: Matrix
    labels: list[int]
    layers: list[Matrix]


class NextLetters(NamedTuple):
    """One name and the matrices of the example GPT, without biases; the loss is the mean cross-entropy.

    Attributes:
        tokens: the name as numbers, the mark of the end on both sides.
        matrices: by name, in the order of the model's parameters; a row per token, position or neuron.
    """

    tokens: list[int]
    matrices: dict[str, Matrix]


class DigitBatches(NamedTuple):
    """The 1,797 digits in batches and a network of relu neurons; the loss is the mean cross-entropy of a batch.

    Attributes:
        batches: 28 of 64 images with the digits they show and one of the remaining 5; an image is 64 pixels in a row.
        layers: of a 64-32-10 network; a row per neuron: its weights, then its bias.
    """

    batches: list[tuple[Matrix, list[int]]]
    layers: list[Matrix]


def moons() -> Moons:
    """Return the points and first weights of the moons benchmark.

    >>> [(len(layer), len(layer[0])) for layer in moons().layers]
    [(16, 3), (16, 17), (1, 17)]
    """
    points, labels = data.make_moons(MOONS_POINTS, noise=0.1, random_state=1)
    rng = Random(1337)
    layers = [_rows(outputs, inputs, 1.0, rng) for inputs, outputs in pairwise(MOONS_SIZES)]
    return Moons(points, [2 * label - 1 for label in labels], layers)


def next_letters() -> NextLetters:
    """Return the name and first weights of the GPT benchmark.

    >>> list(next_letters().matrices)
    ['token', 'position', 'query', 'key', 'value', 'out', 'up', 'down', 'head']
    """
    vocabulary = Vocabulary(read_names(None))
    model = gpt_model()
    names = ("token", "position", "query", "key", "value", "out", "up", "down", "head")
    matrices = [[[number.data for number in row] for row in tensor] for _, tensor in model.named_tensors()]
    return NextLetters(vocabulary.encode(GPT_NAME), dict(zip(names, matrices, strict=True)))


def gpt_model() -> GPT:
    """Return the example GPT with the first weights of the benchmark."""
    return GPT(len(Vocabulary(read_names(None))), rng=1)


def digit_batches() -> DigitBatches:
    """Return the shuffled digits and first weights of the digits benchmark.

    Raises:
        MissingPackageError: without scikit-learn.

    >>> [len(targets) for _, targets in digit_batches().batches[-2:]]
    [64, 5]
    """
    images, target = data.load_digits()
    rng = Random(1797)
    order = rng.sample(range(len(images)), len(images))
    pixels = [[pixel for row in images[i] for pixel in row] for i in order]
    digits = [target[i] for i in order]
    starts = range(0, len(order), DIGITS_BATCH)
    batches = [(pixels[i : i + DIGITS_BATCH], digits[i : i + DIGITS_BATCH]) for i in starts]
    layers = [_rows(outputs, inputs, inputs**-0.5, rng) for inputs, outputs in pairwise(DIGITS_SIZES)]
    return DigitBatches(batches, layers)


def _rows(outputs: int, inputs: int, bound: float, rng: Random) -> Matrix:
    return [[*(rng.uniform(-bound, bound) for _ in range(inputs)), 0.0] for _ in range(outputs)]
