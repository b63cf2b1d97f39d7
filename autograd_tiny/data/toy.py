"""Toy data sets, made up from a seed: shapes in the plane to classify, and house prices to predict."""

from __future__ import annotations

import math
from random import Random
from typing import TypeAlias

from ..primitive import whole
from ..ranges import number, proper_fraction
from ..seeds import generator

Points: TypeAlias = list[list[float]]

_deviation = number(lambda x: 0.0 <= x < math.inf, "a finite standard deviation of at least 0")
_radius = number(lambda x: 0.0 < x < 1.0, "a radius above 0 and below 1")


# ---------------------------------------------------------------- classes along curves


def make_moons(
    n_samples: int = 100, noise: float = 0.1, random_state: Random | int | None = 0
) -> tuple[Points, list[int]]:
    """Return points on two interleaving half circles, the second shifted by (1, 1/2) and upside down.

    With t evenly spaced in [0, pi] the first moon is (cos t, sin t), the second (1 - cos t, 1/2 - sin t); half of
    the points belong to each (the second gets the odd one).

    Args:
        n_samples: how many points, at least 2.
        noise: standard deviation of the Gaussian noise added to both coordinates, at least 0.
        random_state: an int seed or a ``random.Random``, for the noise and the shuffled order; None is seed 0.

    Returns:
        (X, y): ``n_samples`` points [x, y] and as many labels, 0 or 1.

    Raises:
        ParameterError: for a number out of range or an unknown kind of random_state.

    >>> X, y = make_moons(4, noise=0.0)
    >>> sorted(y), [round(v, 6) for v in X[y.index(0)]] in ([1.0, 0.0], [-1.0, 0.0])
    ([0, 0, 1, 1], True)
    """
    spread = _deviation(noise, "noise")
    points = []
    for label, size in enumerate(_sizes(n_samples, 2)):
        for i in range(size):
            t = math.pi * i / max(1, size - 1)
            point = (math.cos(t), math.sin(t)) if label == 0 else (1.0 - math.cos(t), 0.5 - math.sin(t))
            points.append((point, label))
    return _blurred(points, spread, random_state)


def make_circles(
    n_samples: int = 100, noise: float = 0.1, random_state: Random | int | None = 0, factor: float = 0.5
) -> tuple[Points, list[int]]:
    """Return points on two circles around the origin, one inside the other: no straight line separates them.

    The outer circle, label 0, has radius 1, the inner one, label 1, has radius ``factor``; points are evenly spaced.

    Args:
        n_samples: how many points, at least 2; half of them belong to each circle (the inner gets the odd one).
        noise, random_state: as for :func:`make_moons`.
        factor: radius of the inner circle, above 0 and below 1.

    Returns:
        (X, y): ``n_samples`` points [x, y] and as many labels, 0 or 1.

    Raises:
        ParameterError: for a number out of range or an unknown kind of random_state.

    >>> X, y = make_circles(4, noise=0.0, factor=0.25)
    >>> sorted((round(math.hypot(*point), 6), label) for point, label in zip(X, y, strict=True))
    [(0.25, 1), (0.25, 1), (1.0, 0), (1.0, 0)]
    """
    spread = _deviation(noise, "noise")
    inner = _radius(factor, "factor")
    points = []
    for label, size in enumerate(_sizes(n_samples, 2)):
        radius = inner if label else 1.0
        points += [(_on_circle(i / size, radius), label) for i in range(size)]
    return _blurred(points, spread, random_state)


def make_spirals(
    n_samples: int = 100, noise: float = 0.02, random_state: Random | int | None = 0, classes: int = 3
) -> tuple[Points, list[int]]:
    """Return points on spiral arms around the origin, one for each class.

    With t evenly spaced in (0, 1], arm k of K is at radius t and angle 2 pi (k / K + 3/4 t): each makes three
    quarters of a turn on its way out (after the two spirals of Lang & Witbrock 1988, "Learning to tell two spirals
    apart", which make three turns).

    Args:
        n_samples: how many points, at least one per class; the classes differ in size by at most one.
        noise, random_state: as for :func:`make_moons`.
        classes: how many arms, at least 1.

    Returns:
        (X, y): ``n_samples`` points [x, y] and as many labels, 0 to ``classes`` - 1.

    Raises:
        ParameterError: for a number out of range or an unknown kind of random_state.

    >>> X, y = make_spirals(6, noise=0.0)
    >>> sorted((label, round(math.hypot(*point), 6)) for point, label in zip(X, y, strict=True))
    [(0, 0.5), (0, 1.0), (1, 0.5), (1, 1.0), (2, 0.5), (2, 1.0)]
    """
    spread = _deviation(noise, "noise")
    arms = whole(classes, "classes")
    points = []
    for label, size in enumerate(_sizes(n_samples, arms)):
        shares = [(i + 1) / size for i in range(size)]
        points += [(_on_circle(label / arms + 0.75 * t, t), label) for t in shares]
    return _blurred(points, spread, random_state)


# ---------------------------------------------------------------- classes around centres


def make_blobs(
    n_samples: int = 100, noise: float = 0.2, random_state: Random | int | None = 0, centers: int = 3
) -> tuple[Points, list[int]]:
    """Return round Gaussian clouds of points, one for each class, around centres on a circle of radius 1.

    Centre k of K is at the angle 2 pi k / K. Neighbours are 2 sin(pi / K) apart: many centres need little noise.

    Args:
        n_samples: how many points, at least one per centre; the classes differ in size by at most one.
        noise: standard deviation of each cloud in both coordinates, at least 0.
        random_state: as for :func:`make_moons`.
        centers: how many clouds, at least 1.

    Returns:
        (X, y): ``n_samples`` points [x, y] and as many labels, 0 to ``centers`` - 1.

    Raises:
        ParameterError: for a number out of range or an unknown kind of random_state.

    >>> X, y = make_blobs(4, noise=0.0, centers=4)
    >>> [round(v, 6) for v in X[y.index(1)]]
    [0.0, 1.0]
    """
    spread = _deviation(noise, "noise")
    count = whole(centers, "centers")
    sizes = _sizes(n_samples, count)
    points = [(_on_circle(k / count), k) for k, size in enumerate(sizes) for _ in range(size)]
    return _blurred(points, spread, random_state)


def make_xor(
    n_samples: int = 100, noise: float = 0.1, random_state: Random | int | None = 0
) -> tuple[Points, list[int]]:
    """Return the truth table of exclusive or with noise: clouds around the corners of the unit square.

    The label of corner (a, b) is 1 where a and b differ. No single neuron can learn it (Minsky & Papert 1969,
    "Perceptrons").

    Args:
        n_samples: how many points, at least 4; the corners differ in size by at most one.
        noise, random_state: as for :func:`make_moons`.

    Returns:
        (X, y): ``n_samples`` points [x, y] and as many labels, 0 or 1.

    Raises:
        ParameterError: for a number out of range or an unknown kind of random_state.

    >>> X, y = make_xor(4, noise=0.0)
    >>> sorted(zip(X, y, strict=True))
    [([0.0, 0.0], 0), ([0.0, 1.0], 1), ([1.0, 0.0], 1), ([1.0, 1.0], 0)]
    """
    spread = _deviation(noise, "noise")
    corners = [((a, b), int(a != b)) for a in (0.0, 1.0) for b in (0.0, 1.0)]
    sizes = _sizes(n_samples, 4)
    points = [corner for corner, size in zip(corners, sizes, strict=True) for _ in range(size)]
    return _blurred(points, spread, random_state)


def make_imbalanced(
    n_samples: int = 1000, positives: float = 0.05, random_state: Random | int | None = 0
) -> tuple[Points, list[int]]:
    """Return two overlapping Gaussian clouds of very unequal size, as when few of many payments are fraud.

    Label 0 is around (0, 0), label 1 around (2, 2), both with standard deviation 1 in each coordinate. By Bayes'
    rule the log-odds of label 1 at (x, y) are 2 x + 2 y - 4 + log(positives / (1 - positives)), so no model can do
    better than logistic regression. Calling everything 0 is right for 1 - positives of the points, and useless.

    Args:
        n_samples: how many points, at least 2.
        positives: the share of label 1, above 0 and below 1; the number is rounded, and each label occurs.
        random_state: as for :func:`make_moons`.

    Returns:
        (X, y): ``n_samples`` points [x, y] and as many labels, 0 or 1.

    Raises:
        ParameterError: for a number out of range or an unknown kind of random_state.

    >>> X, y = make_imbalanced(200, positives=0.1)
    >>> len(X), sum(y)
    (200, 20)
    """
    share = proper_fraction(positives, "positives")
    count = whole(n_samples, "n_samples", least=2)
    rare = min(max(1, round(share * count)), count - 1)
    points = [((0.0, 0.0), 0)] * (count - rare) + [((2.0, 2.0), 1)] * rare
    return _blurred(points, 1.0, random_state)


# ---------------------------------------------------------------- numbers to predict


def make_houses(
    n_samples: int = 100, noise: float = 20.0, random_state: Random | int | None = 0
) -> tuple[Points, list[float]]:
    """Return houses and their prices: invented, but plausible numbers for a first regression.

    price = 50 + 3 area - 1.5 age + noise, in thousands: 50 for the land, 3 for each square metre, 1.5 less for each
    year. Areas are uniform from 40 to 200 square metres, ages from 0 to 60 years. The columns differ in size, so
    gradient descent wants :func:`~autograd_tiny.data.standardize` first.

    Args:
        n_samples: how many houses, at least 1.
        noise: standard deviation of the Gaussian noise added to the price, in thousands, at least 0.
        random_state: as for :func:`make_moons`.

    Returns:
        (X, y): ``n_samples`` rows [area, age] and as many prices.

    Raises:
        ParameterError: for a number out of range or an unknown kind of random_state.

    >>> X, y = make_houses(2, noise=0.0)
    >>> [round(price - (50 + 3 * area - 1.5 * age), 6) for (area, age), price in zip(X, y, strict=True)]
    [0.0, 0.0]
    """
    spread = _deviation(noise, "noise")
    rng = generator(random_state, "random_state")
    houses = [[rng.uniform(40.0, 200.0), rng.uniform(0.0, 60.0)] for _ in range(whole(n_samples, "n_samples"))]
    return houses, [50.0 + 3.0 * area - 1.5 * age + rng.gauss(0.0, spread) for area, age in houses]


# ---------------------------------------------------------------- what all share


def _blurred(
    points: list[tuple[tuple[float, float], int]], spread: float, random_state: Random | int | None
) -> tuple[Points, list[int]]:
    """Return labelled points with Gaussian noise, in a shuffled order."""
    rng = generator(random_state, "random_state")
    noisy = [([x + rng.gauss(0.0, spread), y + rng.gauss(0.0, spread)], label) for (x, y), label in points]
    rng.shuffle(noisy)
    return [point for point, _ in noisy], [label for _, label in noisy]


def _on_circle(turns: float, radius: float = 1.0) -> tuple[float, float]:
    angle = 2.0 * math.pi * turns
    return radius * math.cos(angle), radius * math.sin(angle)


def _sizes(n_samples: int, classes: int) -> list[int]:
    """Return how many points each class gets: as equal as can be, the later ones more."""
    count = whole(n_samples, "n_samples", least=classes)
    return [count * (k + 1) // classes - count * k // classes for k in range(classes)]
