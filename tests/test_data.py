import cmath
import math
import random
import statistics
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_tiny.data import (
    load_digits,
    load_iris,
    make_blobs,
    make_circles,
    make_houses,
    make_imbalanced,
    make_moons,
    make_spirals,
    make_xor,
    split,
    standardize,
)
from autograd_tiny.errors import MissingPackageError, NotARealNumberError, ParameterError, ShapeError


@given(st.integers(2, 60), st.integers(0, 5))
def test_moons_without_noise_lie_on_their_half_circles(n_samples, seed):
    X, y = make_moons(n_samples, noise=0.0, random_state=seed)
    assert (len(X), len(y), sum(y)) == (n_samples, n_samples, n_samples - n_samples // 2)
    for (x1, x2), label in zip(X, y, strict=True):
        centre, side = ((0.0, 0.0), 1) if label == 0 else ((1.0, 0.5), -1)
        assert math.hypot(x1 - centre[0], x2 - centre[1]) == pytest.approx(1.0, abs=1e-12)
        assert side * (x2 - centre[1]) >= -1e-12


def test_moons_reach_both_tips():
    X, y = make_moons(20, noise=0.0)
    outer = sorted(point[0] for point, label in zip(X, y, strict=True) if label == 0)
    assert (outer[0], outer[-1]) == pytest.approx((-1.0, 1.0))


def test_moons_without_noise_are_evenly_spaced():
    X, y = make_moons(20, noise=0.0)
    outer = sorted((point[0] for point, label in zip(X, y, strict=True) if label == 0), reverse=True)
    assert outer == pytest.approx([math.cos(math.pi * i / 9) for i in range(10)])
    X, y = make_moons(4, noise=0.0)
    assert sorted(point[0] for point, label in zip(X, y, strict=True) if label == 0) == [-1.0, 1.0]


def test_noise_has_the_given_spread():
    noisy, labels = make_moons(4000, noise=0.2, random_state=1)
    misses = [math.hypot(x1 - label, x2 - 0.5 * label) - 1.0 for (x1, x2), label in zip(noisy, labels, strict=True)]
    assert math.sqrt(sum(miss * miss for miss in misses) / len(misses)) == pytest.approx(0.2, rel=0.1)


def test_moons_are_shuffled_and_reproducible():
    state = random.getstate()
    assert make_moons(40) == make_moons(40, random_state=0) == make_moons(40, random_state=random.Random(0))
    assert make_moons(40) != make_moons(40, random_state=1)
    assert make_moons(40)[1] != sorted(make_moons(40)[1])
    assert random.getstate() == state
    assert make_moons(3, random_state=7)[0][0] == pytest.approx([-0.0226096, 0.4684932], abs=1e-6)  # never to change


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_samples": 1}, "n_samples is a whole number of at least 2, got 1"),
        ({"n_samples": 10.0}, r"n_samples is a whole number of at least 2, got 10\.0"),
        ({"noise": -0.1}, "noise is a finite standard deviation"),
        ({"noise": math.nan}, "noise is a finite standard deviation"),
        ({"random_state": "seed"}, r"random_state is a random\.Random or an int seed"),
    ],
)
def test_moons_refuse_bad_settings(settings, message):
    with pytest.raises(ParameterError, match=message):
        make_moons(**settings)


def test_noise_must_be_a_number():
    with pytest.raises(NotARealNumberError, match="noise needs one real number"):
        make_moons(noise=None)


def test_iris_has_fifty_flowers_of_each_species():
    iris = load_iris()
    assert iris.target == [0] * 50 + [1] * 50 + [2] * 50
    assert iris.target_names == ["setosa", "versicolor", "virginica"]
    assert iris.feature_names == [
        "sepal length (cm)",
        "sepal width (cm)",
        "petal length (cm)",
        "petal width (cm)",
    ]
    assert {len(row) for row in iris.data} == {4}


def test_iris_has_the_published_means():
    # Means per species as in table II of Fisher 1936.
    means = [
        [sum(column) / 50 for column in zip(*load_iris().data[start : start + 50], strict=True)]
        for start in (0, 50, 100)
    ]
    assert means[0] == pytest.approx([5.006, 3.428, 1.462, 0.246])
    assert means[1] == pytest.approx([5.936, 2.770, 4.260, 1.326])
    assert means[2] == pytest.approx([6.588, 2.974, 5.552, 2.026])


def test_iris_is_fishers_version_not_ucis():
    assert load_iris().data[34] == [4.9, 3.1, 1.5, 0.2]
    assert load_iris().data[37] == [4.9, 3.6, 1.4, 0.1]


def test_iris_can_be_unpacked_and_changed_without_harm():
    data, target, _, _ = load_iris()
    data[0][0] = -1.0
    target[0] = 2
    assert load_iris().data[0][0] == 5.1
    assert load_iris().target[0] == 0


# ---------------------------------------------------------------- other shapes in the plane


@pytest.mark.parametrize(
    ("make", "classes"), [(make_circles, 2), (make_spirals, 3), (make_blobs, 3), (make_xor, 2), (make_imbalanced, 2)]
)
def test_data_in_the_plane_is_shuffled_and_reproducible(make, classes):
    state = random.getstate()
    X, y = make(101)
    assert (len(X), len(y), set(y)) == (101, 101, set(range(classes)))
    assert all(len(point) == 2 and all(type(number) is float for number in point) for point in X)
    assert (X, y) == make(101, random_state=None) == make(101, random_state=random.Random(0))
    assert (X, y) != make(101, random_state=1)
    assert y != sorted(y)
    assert random.getstate() == state


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (make_moons, (100, 0.1, 0)),
        (make_circles, (100, 0.1, 0, 0.5)),
        (make_spirals, (100, 0.02, 0, 3)),
        (make_blobs, (100, 0.2, 0, 3)),
        (make_xor, (100, 0.1, 0)),
        (make_imbalanced, (1000, 0.05, 0)),
        (make_houses, (100, 20.0, 0)),
    ],
)
def test_the_usual_settings(make, settings):
    assert make() == make(*settings)


@pytest.mark.parametrize(("make", "least"), [(make_circles, 2), (make_spirals, 3), (make_blobs, 3), (make_xor, 4)])
@given(extra=st.integers(0, 40))
def test_classes_are_as_equal_as_can_be(make, least, extra):
    _, y = make(least + extra)
    sizes = [y.count(label) for label in set(y)]
    assert sum(sizes) == least + extra
    assert max(sizes) - min(sizes) <= (1 if make is not make_xor else 2)  # two corners have one label


@pytest.mark.parametrize("factor", [0.25, 0.75])
def test_circles_without_noise_lie_on_their_circles(factor):
    X, y = make_circles(20, noise=0.0, factor=factor)
    assert [math.hypot(*point) for point in X] == pytest.approx([factor if label else 1.0 for label in y])
    assert len({(round(x1, 9), round(x2, 9)) for x1, x2 in X}) == 20
    assert [sum(column) for column in zip(*X, strict=True)] == pytest.approx([0.0, 0.0], abs=1e-12)


def test_arms_of_spirals_are_turned_copies_of_each_other():
    X, y = make_spirals(40, classes=4, noise=0.0)
    arms = [sorted((complex(*x) for x, label in zip(X, y, strict=True) if label == k), key=abs) for k in range(4)]
    for k, arm in enumerate(arms):
        assert [point * 1j**-k for point in arm] == pytest.approx(arms[0])
    assert [abs(point) for point in arms[0]] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert arms[0] == pytest.approx([t * cmath.exp(1.5j * math.pi * t) for t in (0.1 * (i + 1) for i in range(10))])
    assert arms[0][-1] == pytest.approx(-1j)  # three quarters of a turn


def test_blobs_have_their_centres_and_spread():
    X, y = make_blobs(4000, centers=4, noise=0.3, random_state=1)
    for k, centre in enumerate([(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)]):
        columns = list(zip(*[x for x, label in zip(X, y, strict=True) if label == k], strict=True))
        assert [statistics.fmean(column) for column in columns] == pytest.approx(centre, abs=0.04)
        assert [statistics.pstdev(column) for column in columns] == pytest.approx([0.3, 0.3], rel=0.1)


def test_xor_is_the_truth_table():
    X, y = make_xor(40, noise=0.0)
    assert [int(a) ^ int(b) for a, b in X] == y
    assert sorted(map(tuple, X)) == [(a, b) for a in (0.0, 1.0) for b in (0.0, 1.0) for _ in range(10)]
    assert make_xor(40, noise=0.2)[0] != X


@pytest.mark.parametrize(
    ("settings", "count"), [({}, 50), ({"positives": 0.2}, 200), ({"positives": 1e-9}, 1), ({"positives": 0.9999}, 999)]
)
def test_imbalanced_data_has_its_share_of_positives(settings, count):
    assert sum(make_imbalanced(**settings)[1]) == count


def test_log_odds_of_imbalanced_data_are_those_of_bayes_rule():
    X, y = make_imbalanced(20000, positives=0.2, random_state=1)
    rare = [point for point, label in zip(X, y, strict=True) if label]
    assert [statistics.fmean(column) for column in zip(*rare, strict=True)] == pytest.approx([2.0, 2.0], abs=0.06)
    probabilities = [1 / (1 + math.exp(-(2 * x1 + 2 * x2 - 4 + math.log(0.25)))) for x1, x2 in X]
    for low, high in ((0.1, 0.3), (0.3, 0.7), (0.7, 0.9)):
        group = [(p, label) for p, label in zip(probabilities, y, strict=True) if low < p < high]
        expected, found = (statistics.fmean(side) for side in zip(*group, strict=True))
        assert found == pytest.approx(expected, abs=0.04)


def test_houses_follow_their_formula():
    X, y = make_houses(500, noise=0.0, random_state=2)
    assert y == pytest.approx([50 + 3 * area - 1.5 * age for area, age in X])
    areas, ages = zip(*X, strict=True)
    assert 40 <= min(areas) < 45 < 195 < max(areas) <= 200
    assert 0 <= min(ages) < 2 < 58 < max(ages) <= 60
    X_noisy, y_noisy = make_houses(500, noise=10.0, random_state=2)
    rng = random.Random(2)
    assert X_noisy == X == [[rng.uniform(40.0, 200.0), rng.uniform(0.0, 60.0)] for _ in X]
    assert y_noisy == [price + rng.gauss(0.0, 10.0) for price in y]
    assert statistics.pstdev([a - b for a, b in zip(y_noisy, y, strict=True)]) == pytest.approx(10.0, rel=0.1)
    assert make_houses(5) == make_houses(5, random_state=random.Random(0)) != make_houses(5, random_state=1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_circles(1), "n_samples is a whole number of at least 2, got 1"),
        (lambda: make_circles(factor=1.0), "factor is a radius above 0 and below 1, got 1.0"),
        (lambda: make_circles(factor=0), "factor is a radius above 0 and below 1, got 0"),
        (lambda: make_circles(noise=math.inf), "noise is a finite standard deviation of at least 0, got inf"),
        (lambda: make_spirals(2), "n_samples is a whole number of at least 3, got 2"),
        (lambda: make_spirals(classes=0), "classes is a whole number of at least 1, got 0"),
        (lambda: make_spirals(noise=-1), "noise is a finite standard deviation of at least 0, got -1"),
        (lambda: make_blobs(4, centers=5), "n_samples is a whole number of at least 5, got 4"),
        (lambda: make_blobs(centers=2.0), "centers is a whole number of at least 1, got 2.0"),
        (lambda: make_blobs(noise=math.nan), "noise is a finite standard deviation of at least 0, got nan"),
        (lambda: make_xor(3), "n_samples is a whole number of at least 4, got 3"),
        (lambda: make_xor(noise=-0.5), "noise is a finite standard deviation"),
        (lambda: make_imbalanced(1), "n_samples is a whole number of at least 2, got 1"),
        (lambda: make_imbalanced(positives=0.0), "positives is a share above 0 and below 1, got 0.0"),
        (lambda: make_imbalanced(positives=1), "positives is a share above 0 and below 1, got 1"),
        (lambda: make_houses(0), "n_samples is a whole number of at least 1, got 0"),
        (lambda: make_houses(noise=-1.0), "noise is a finite standard deviation"),
        (lambda: make_houses(random_state="seed"), r"random_state is a random\.Random or an int seed"),
    ],
)
def test_generators_refuse_bad_settings(call, message):
    with pytest.raises(ParameterError, match=message):
        call()


# ---------------------------------------------------------------- digits


@pytest.mark.slow
def test_digits_are_those_of_scikit_learn():
    pytest.importorskip("sklearn")
    digits = load_digits()
    assert (len(digits.images), len(digits.target)) == (1797, 1797)
    assert all(len(image) == 8 and all(len(row) == 8 for row in image) for image in digits.images)
    numbers = {pixel for image in digits.images for row in image for pixel in row}
    assert numbers == {i / 16 for i in range(17)}
    assert [digits.target.count(d) for d in range(10)] == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert type(digits.target[0]) is int
    assert digits.images[0][1] == [0.0, 0.0, 13 / 16, 15 / 16, 10 / 16, 15 / 16, 5 / 16, 0.0]


def test_digits_are_scaled_to_at_most_1(monkeypatch):
    theirs = SimpleNamespace(images=np.array([[[0.0, 4.0], [8.0, 16.0]]]), target=np.array([3]))
    monkeypatch.setitem(sys.modules, "sklearn", SimpleNamespace(datasets=SimpleNamespace(load_digits=lambda: theirs)))
    assert load_digits() == ([[[0.0, 0.25], [0.5, 1.0]]], [3])


def test_digits_need_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingPackageError, match=r'scikit-learn: run  pip install "autograd_tiny\[data\]"'):
        load_digits()


# ---------------------------------------------------------------- before training


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0.0, 1.0)), min_size=2, max_size=20))
def test_standardized_columns_have_mean_0_and_spread_1(X):
    Z, means, spreads = standardize(X)
    for column, scaled, mean, spread in zip(zip(*X, strict=True), zip(*Z, strict=True), means, spreads, strict=True):
        assert [mean + spread * z for z in scaled] == pytest.approx(column, abs=1e-9)
        if max(column) - min(column) > 1e-6 * max(map(abs, column)):
            assert statistics.fmean(scaled) == pytest.approx(0.0, abs=1e-8)
            assert statistics.pstdev(scaled) == pytest.approx(1.0, rel=1e-8)


def test_standardize_leaves_equal_numbers_at_0():
    assert standardize([[0.1, 1.0], [0.1, 3.0], [0.1, 5.0]])[0] == [
        [0.0, pytest.approx(-(1.5**0.5))],
        [0.0, 0.0],
        [0.0, pytest.approx(1.5**0.5)],
    ]
    assert standardize([[7.0]]) == ([[0.0]], [7.0], [1.0])


def test_other_rows_are_standardized_as_the_first_were():
    X = [[1.0, 10.0], [3.0, 50.0]]
    Z, means, spreads = standardize(X)
    assert standardize(X, means, spreads) == (Z, means, spreads)
    assert standardize([(4, 40)], (2, 30.0), iter([1, 20.0])) == ([[2.0, 0.5]], [2.0, 30.0], [1.0, 20.0])
    assert standardize([[4.0, 40.0]], means, spreads)[0] == [[2.0, 0.5]]


@given(st.integers(2, 40), st.floats(0.01, 0.99), st.integers(0, 3))
def test_split_loses_nothing_and_keeps_pairs_together(count, share, seed):
    X = [[float(i)] for i in range(count)]
    X_train, y_train, X_test, y_test = split(X, range(count), share, seed)
    assert [x for [x] in X_train + X_test] == y_train + y_test
    assert sorted(y_train + y_test) == list(range(count))
    assert len(y_test) == min(max(1, round(share * count)), count - 1)


def test_split_is_shuffled_and_reproducible():
    X, y = make_moons(40)
    assert split(X, y) == split(X, y, 0.25, random.Random(0)) != split(X, y, random_state=1)
    assert len(split(X, y)[3]) == 10
    assert split(range(40), range(40))[2] != list(range(10))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: standardize([]), ShapeError, "standardize needs rows of one length, got no rows"),
        (lambda: standardize([[1.0], [1.0, 2.0]]), ShapeError, r"rows of one length, got lengths \[1, 2\]"),
        (
            lambda: standardize([1.0, 2.0]),
            ShapeError,
            r"needs rows of numbers, got 1.0 as a row; .*\[\[x\] for x in X\]",
        ),
        (lambda: standardize([[1.0, math.nan]]), ParameterError, "standardize needs finite numbers, got nan"),
        (lambda: standardize([["1"]]), NotARealNumberError, "standardize needs one real number, got '1'"),
        (lambda: standardize(5), ShapeError, "standardize needs rows of numbers, got 5; a table is a list of rows"),
        (lambda: standardize([[1.0]], [1.0]), ParameterError, "means and spreads together, got no spreads; give what"),
        (lambda: standardize([[1.0]], None, [1.0]), ParameterError, "means and spreads together, got no means"),
        (lambda: standardize([[1.0]], 1.0, [1.0]), ShapeError, "means is a list of one number per column, got 1.0"),
        (lambda: standardize([[1.0]], [1.0], 2.0), ShapeError, "spreads is a list of one number per column, got 2.0"),
        (lambda: standardize([[1.0]], [math.inf], [1.0]), ParameterError, "a mean is a finite number, got inf"),
        (lambda: standardize([[1.0]], [1.0], [0.0]), ParameterError, "a spread is a finite number above 0, got 0.0"),
        (
            lambda: standardize([[1.0, 2.0, 3.0]], [1.0] * 3, [1.0]),
            ShapeError,
            "one mean and one spread per column, got 3 means and 1 spreads for 3 columns",
        ),
        (lambda: standardize([[1.0]], [1.0] * 2, [1.0] * 2), ShapeError, "got 2 means and 2 spreads for 1 columns"),
        (lambda: split(5, 5), ShapeError, "split needs a list of inputs and a list of targets, got 5"),
        (lambda: split([1, 2], 5), ShapeError, "split needs a list of inputs and a list of targets, got 5"),
        (lambda: split([1, 2, 3], [1, 2]), ShapeError, "one target per input, got 3 inputs and 2 targets"),
        (lambda: split([1], [1]), ShapeError, "at least two examples, one for each part, got 1"),
        (lambda: split([1, 2], [1, 2], 1.0), ParameterError, "test_share is a share above 0 and below 1, got 1.0"),
        (lambda: split([1, 2], [1, 2], 0), ParameterError, "test_share is a share above 0 and below 1, got 0"),
        (lambda: split([1, 2], [1, 2], random_state=0.5), ParameterError, "random_state is a random"),
    ],
)
def test_preparation_refuses_what_does_not_fit(call, error, message):
    with pytest.raises(error, match=message):
        call()
