import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_tiny.data import load_iris, make_moons
from autograd_tiny.errors import NotARealNumberError, ParameterError


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
