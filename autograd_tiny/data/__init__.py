"""Small data sets: made up from a seed in the plane and in tables, collected ones, and what to do before training."""

from .preparation import split, standardize
from .tables import Digits, Iris, load_digits, load_iris
from .toy import (
    make_blobs,
    make_circles,
    make_houses,
    make_imbalanced,
    make_moons,
    make_spirals,
    make_xor,
)

__all__ = [
    "Digits",
    "Iris",
    "load_digits",
    "load_iris",
    "make_blobs",
    "make_circles",
    "make_houses",
    "make_imbalanced",
    "make_moons",
    "make_spirals",
    "make_xor",
    "split",
    "standardize",
]
