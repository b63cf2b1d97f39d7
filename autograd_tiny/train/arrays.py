"""What the estimators are given, lists, arrays or data frames, as checked NumPy arrays."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from ..errors import MissingPackageError, NotARealNumberError, ParameterError, ShapeError


def numpy() -> Any:
    """Return NumPy.

    Raises:
        MissingPackageError: when it is not installed.
    """
    try:
        import numpy
    except ImportError:
        raise MissingPackageError("numpy", "an estimator", extra="data") from None
    return numpy


def examples_of(X: Any) -> Any:
    """Return a table of examples, one per row, as an array of floats.

    Raises:
        ShapeError: for something that is no table, or an empty one.
        ParameterError: for sparse or complex data, or a number that is not finite.
        NotARealNumberError: for something that is no number.

    >>> examples_of([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    if hasattr(X, "toarray"):
        raise ParameterError("X is a dense table, got a sparse one; use X.toarray()")
    table = _floats(X, "X")
    if table.ndim != 2:
        raise ShapeError(
            f"X is a table with one example in each row, got {table.ndim} dimension(s). Reshape your data: "
            "X.reshape(-1, 1) for a single feature, X.reshape(1, -1) for a single example"
        )
    for count, what in zip(table.shape, ("sample", "feature"), strict=True):
        if not count:
            raise ShapeError(f"X has 0 {what}(s) (shape={table.shape}) while a minimum of 1 is required.")
    return table


def targets_of(y: Any, count: int) -> Any:
    """Return the targets, one per example, as an array of whatever they are.

    Raises:
        ShapeError: for another number of targets, or several for one example.

    >>> targets_of(["red", "blue"], 2).tolist()
    ['red', 'blue']
    """
    if y is None:
        raise ParameterError("fit requires y to be passed, but the target y is None")
    np = numpy()
    targets = np.asarray(y)
    if targets.ndim == 2 and targets.shape[1] == 1:
        category = getattr(sys.modules.get("sklearn.exceptions"), "DataConversionWarning", UserWarning)
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected; use y.ravel()", category, stacklevel=4
        )
        targets = targets.ravel()
    if targets.ndim != 1 or len(targets) != count:
        raise ShapeError(f"y has one target for each of {count} examples, got the shape {targets.shape}")
    return targets


def numbers_of(y: Any, count: int, name: str = "y") -> Any:
    """Return one number per example as an array of floats.

    Raises:
        ShapeError, ParameterError, NotARealNumberError: as for :func:`targets_of` and :func:`examples_of`.

    >>> numbers_of([1, 2], 2).tolist()
    [1.0, 2.0]
    """
    return _floats(targets_of(y, count), name)


def classes_of(y: Any, count: int) -> tuple[Any, Any]:
    """Return (the classes in order, the index of each example's class).

    Raises:
        ShapeError: as :func:`targets_of`.
        ParameterError: for fewer than two classes, fractions, or labels of different kinds.

    >>> classes, indices = classes_of(["red", "blue", "red"], 3)
    >>> classes.tolist(), indices.tolist()
    (['blue', 'red'], [1, 0, 1])
    """
    np = numpy()
    labels = targets_of(y, count)
    try:
        if isinstance(y, (list, tuple)) and labels.dtype.kind == "U" and not all(isinstance(c, str) for c in y):
            raise TypeError  # as NumPy does for other mixtures; of numbers beside text it makes text
        if np.any(labels != labels):  # as only nan does
            raise ParameterError("y holds classes, got NaN among them")
        if labels.dtype.kind in "fc" and np.any(labels != np.floor(labels.real)):
            raise ParameterError("Unknown label type: continuous numbers are no classes; use Regressor")
        classes, indices = np.unique(labels, return_inverse=True)
    except TypeError:
        raise ParameterError("Unknown label type: classes are all text or all whole numbers, got a mixture") from None
    if len(classes) < 2:
        raise ParameterError(f"y holds two or more classes, got 1 class: {classes[0]!r:.60}")
    return classes, indices


def weights_of(sample_weight: Any, count: int) -> Any:
    """Return how much each example counts, 1 each for None.

    Raises:
        ParameterError: for a weight below 0, or no weight above 0.

    >>> weights_of(None, 2).tolist()
    [1.0, 1.0]
    """
    if sample_weight is None:
        return numpy().ones(count)
    weights = numbers_of(sample_weight, count, "sample_weight")
    if weights.min() < 0.0 or not weights.any():
        raise ParameterError(f"sample_weight is at least 0, and for some example above, got {weights.tolist()!r:.60}")
    return weights


def _floats(numbers: Any, name: str) -> Any:
    np = numpy()
    try:
        array = np.asarray(numbers)
    except ValueError as error:
        raise ShapeError(f"{name} has rows of one length: {error}") from None
    if array.dtype.kind == "c":
        raise ParameterError(f"Complex data not supported: {name} holds real numbers")
    if array.dtype.kind not in "biufO":
        raise NotARealNumberError(f"{name} holds numbers, got {array.dtype}; convert it first: array.astype(float)")
    try:
        array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise NotARealNumberError(f"{name} holds numbers, got something else: {error}") from None
    wrong = array[~np.isfinite(array)]
    if wrong.size:
        raise ParameterError(f"{name} holds finite numbers, no NaN and no infinity, got {wrong[0]}")
    return array
