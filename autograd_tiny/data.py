"""Small data sets: two moons from a seed, and Fisher's iris flowers."""

from __future__ import annotations

import csv
import math
import random
from importlib import resources
from typing import NamedTuple

from .errors import ParameterError
from .primitive import real, whole
from .seeds import generator


def make_moons(
    n_samples: int = 100, noise: float = 0.1, random_state: random.Random | int | None = 0
) -> tuple[list[list[float]], list[int]]:
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
    rng = generator(random_state, "random_state")
    spread = real(noise, "noise")
    if not 0.0 <= spread < math.inf:
        raise ParameterError(f"noise is a finite standard deviation of at least 0, got {noise!r}")
    count = whole(n_samples, "n_samples", least=2)
    points = []
    for label, size in enumerate((count // 2, count - count // 2)):
        for i in range(size):
            t = math.pi * i / max(1, size - 1)
            x, y = (math.cos(t), math.sin(t)) if label == 0 else (1.0 - math.cos(t), 0.5 - math.sin(t))
            points.append(([x + rng.gauss(0.0, spread), y + rng.gauss(0.0, spread)], label))
    rng.shuffle(points)
    return [point for point, _ in points], [label for _, label in points]


class Iris(NamedTuple):
    """The iris flowers.

    Attributes:
        data: 150 rows of four lengths in centimetres.
        target: 150 species, 0, 1 or 2.
        feature_names: the names of the four columns.
        target_names: the names of the three species.
    """

    data: list[list[float]]
    target: list[int]
    feature_names: list[str]
    target_names: list[str]


def load_iris() -> Iris:
    """Return Fisher's 150 iris flowers: four lengths each, fifty of each of three species.

    The rows are those of R. A. Fisher 1936, "The use of multiple measurements in taxonomic problems", Annals of
    Eugenics 7, table I, in the order of the UCI repository (doi:10.24432/C56C76). UCI's own file differs from the
    paper in two rows, the 35th (petal width 0.1) and the 38th (3.1, 1.5 as sepal width and petal length); here
    they are as printed by Fisher, 4.9 3.1 1.5 0.2 and 4.9 3.6 1.4 0.1.

    >>> iris = load_iris()
    >>> iris.data[0], iris.target_names[iris.target[0]]
    ([5.1, 3.5, 1.4, 0.2], 'setosa')
    """
    text = resources.files(__package__).joinpath("iris.csv").read_text(encoding="utf-8")
    header, *rows = csv.reader(text.splitlines())
    species = list(dict.fromkeys(row[-1] for row in rows))
    return Iris(
        data=[[float(length) for length in row[:-1]] for row in rows],
        target=[species.index(row[-1]) for row in rows],
        feature_names=header[:-1],
        target_names=species,
    )
