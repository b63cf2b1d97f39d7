"""Collected data sets: Fisher's iris flowers, and handwritten digits."""

from __future__ import annotations

import csv
from importlib import resources
from typing import NamedTuple

from ..errors import MissingPackageError


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


class Digits(NamedTuple):
    """The handwritten digits.

    Attributes:
        images: 1,797 images, each 8 rows of 8 pixels, from 0 for white paper to 1 for black ink.
        target: 1,797 digits, 0 to 9.
    """

    images: list[list[list[float]]]
    target: list[int]


def load_digits() -> Digits:
    """Return 1,797 handwritten digits as images of 8 by 8 pixels: scikit-learn's copy, scaled from 0..16 to 0..1.

    They are the test set of E. Alpaydin and C. Kaynak 1998, "Optical recognition of handwritten digits", UCI
    repository (doi:10.24432/C50P49).

    Returns:
        The images and the digits they show.

    Raises:
        MissingPackageError: without scikit-learn, which holds the images.

    >>> digits = load_digits()
    >>> len(digits.images), digits.target[0], digits.images[0][0]
    (1797, 0, [0.0, 0.0, 0.3125, 0.8125, 0.5625, 0.0625, 0.0, 0.0])
    """
    try:
        from sklearn import datasets
    except ImportError:
        raise MissingPackageError("scikit-learn", "load_digits", extra="data") from None
    digits = datasets.load_digits()
    return Digits(images=(digits.images / 16.0).tolist(), target=digits.target.tolist())
