import math
import random
import statistics

import pytest

from autograd_tiny import Value
from autograd_tiny.errors import NotARealNumberError, ParameterError, ShapeError
from autograd_tiny.nn import MLP, init


def tensor(*shape):
    """Return zeros as nested lists of Values."""
    return [tensor(*shape[1:]) for _ in range(shape[0])] if shape else Value(0.0)


def flat(thing):
    return [number for item in thing for number in flat(item)] if isinstance(thing, list) else [thing.data]


WITH_FANS = [init.xavier_uniform_, init.xavier_normal_, init.kaiming_uniform_, init.kaiming_normal_]
RANDOM = [*WITH_FANS, init.uniform_, init.normal_]
EVERY = [*RANDOM, init.zeros_, init.ones_, lambda tensor: init.constant_(tensor, 3.0)]

# The standard deviation that theory wants for (60, 40) and for (30, 4, 2, 3), and whether numbers are uniform.
SPREADS = [
    (lambda t: init.xavier_uniform_(t, rng=1), (2 / 100) ** 0.5, (2 / (6 * 34)) ** 0.5, True),
    (lambda t: init.xavier_uniform_(t, gain=3.0, rng=1), 3 * (2 / 100) ** 0.5, 3 * (2 / (6 * 34)) ** 0.5, True),
    (lambda t: init.xavier_normal_(t, rng=1), (2 / 100) ** 0.5, (2 / (6 * 34)) ** 0.5, False),
    (lambda t: init.xavier_normal_(t, gain=0.5, rng=1), 0.5 * (2 / 100) ** 0.5, 0.5 * (2 / (6 * 34)) ** 0.5, False),
    (lambda t: init.kaiming_uniform_(t, rng=1), (2 / 40) ** 0.5, (2 / 24) ** 0.5, True),
    (lambda t: init.kaiming_uniform_(t, a=3.0, rng=1), (0.2 / 40) ** 0.5, (0.2 / 24) ** 0.5, True),
    (lambda t: init.kaiming_uniform_(t, nonlinearity="linear", rng=1), 40**-0.5, 24**-0.5, True),
    (lambda t: init.kaiming_uniform_(t, 0, "fan_out", "relu", 1), (2 / 60) ** 0.5, (2 / 180) ** 0.5, True),
    (lambda t: init.kaiming_normal_(t, mode="fan_out", rng=1), (2 / 60) ** 0.5, (2 / 180) ** 0.5, False),
    (lambda t: init.kaiming_normal_(t, nonlinearity="tanh", rng=1), 5 / 3 / 40**0.5, 5 / 3 / 24**0.5, False),
    (lambda t: init.uniform_(t, -2.0, 2.0, rng=1), 2 / 3**0.5, 2 / 3**0.5, True),
    (lambda t: init.normal_(t, rng=1), 1.0, 1.0, False),
    (lambda t: init.normal_(t, std=0.7, rng=1), 0.7, 0.7, False),
]


@pytest.mark.parametrize(("fill", "matrix_spread", "kernel_spread", "uniform"), SPREADS)
def test_spreads_are_those_of_theory(fill, matrix_spread, kernel_spread, uniform):
    for shape, spread in (((60, 40), matrix_spread), ((30, 4, 2, 3), kernel_spread)):
        numbers = flat(fill(tensor(*shape)))
        count = len(numbers)
        assert abs(statistics.fmean(numbers)) < 4 * spread / count**0.5
        assert statistics.pstdev(numbers) == pytest.approx(spread, rel=4 / (2 * count) ** 0.5)
        bound = math.sqrt(3.0) * spread
        if uniform:
            assert 0.98 * bound < max(map(abs, numbers)) <= bound * (1 + 1e-15)
        else:
            assert max(map(abs, numbers)) > 1.3 * bound


def test_bounds_and_means_as_given():
    numbers = flat(init.uniform_(tensor(500), 2.0, 5.0))
    assert 2.0 <= min(numbers) < 2.1
    assert 4.9 < max(numbers) <= 5.0
    assert flat(init.uniform_(tensor(2), 3.0, 3.0)) == [3.0, 3.0]
    assert flat(init.normal_(tensor(2), mean=-4.0, std=0.0)) == [-4.0, -4.0]
    assert statistics.fmean(flat(init.normal_(tensor(500), mean=10.0))) == pytest.approx(10.0, abs=0.2)
    assert 0.0 <= min(flat(init.uniform_(tensor(50)))) <= max(flat(init.uniform_(tensor(50)))) <= 1.0


def test_constants():
    assert flat(init.ones_(tensor(2, 2))) == [1.0] * 4
    assert flat(init.zeros_(init.ones_(tensor(2, 2)))) == [0.0] * 4
    assert flat(init.constant_([Value(1.0), [Value(2.0)]], 0.5)) == [0.5, 0.5]


@pytest.mark.parametrize("fill", EVERY)
def test_every_initialiser_returns_its_argument_with_the_same_values(fill):
    matrix = tensor(2, 3)
    before = [value for row in matrix for value in row]
    assert fill(matrix) is matrix
    assert [id(value) for row in matrix for value in row] == [id(value) for value in before]
    assert all(value.grad == 0.0 and value.op is None for value in before)


@pytest.mark.parametrize("fill", RANDOM)
def test_numbers_come_from_the_generator_in_reading_order(fill):
    state = random.getstate()
    assert flat(fill(tensor(3, 2))) == flat(fill(tensor(3, 2), rng=0)) == flat(fill(tensor(3, 2), rng=random.Random(0)))
    assert flat(fill(tensor(3, 2))) != flat(fill(tensor(3, 2), rng=1))
    assert random.getstate() == state
    shared = random.Random(0)
    assert flat(fill(tensor(3, 2), rng=shared)) != flat(fill(tensor(3, 2), rng=shared))
    with pytest.raises(ParameterError, match=r"rng is a random\.Random or an int seed"):
        fill(tensor(3, 2), rng="seed")


def test_reading_order():
    rng = random.Random(5)
    assert flat(init.uniform_(tensor(2, 3, 2), rng=5)) == [rng.random() for _ in range(12)]


def test_parameters_of_a_model_and_single_values_can_be_filled():
    model = MLP(2, [3, 1])
    init.constant_(model.parameters(), 0.25)
    assert {p.data for p in model.parameters()} == {0.25}
    assert init.ones_(Value(2.0)).data == 1.0


def test_gains():
    assert [init.calculate_gain(name) for name in ("linear", "conv1d", "conv2d", "sigmoid")] == [1.0] * 4
    assert init.calculate_gain("tanh") == 5 / 3
    assert init.calculate_gain("relu") == 2**0.5
    assert init.calculate_gain("leaky_relu") == pytest.approx((2 / 1.0001) ** 0.5, rel=1e-15)
    assert init.calculate_gain("leaky_relu", 0.0) == 2**0.5


@pytest.mark.parametrize("fill", WITH_FANS)
@pytest.mark.parametrize(
    ("thing", "got"),
    [
        (Value(0.0), "one number"),
        ([Value(0.0), Value(0.0)], "2;"),
        ([[Value(0.0)], [Value(0.0), Value(0.0)]], "a ragged list"),
        ([[], []], "2 x 0"),
    ],
)
def test_fans_need_two_dimensions(fill, thing, got):
    with pytest.raises(ShapeError, match=f"{fill.__name__} needs 2 dimensions or more, .*, got {got}"):
        fill(thing)


@pytest.mark.parametrize("fill", EVERY)
def test_all_is_checked_before_anything_is_touched(fill):
    x = Value(7.0)
    with pytest.raises(ParameterError, match=r"only leaves can be filled, got .*, the result of mul; pass the Values"):
        fill([[x, x * 2.0]])
    with pytest.raises(ParameterError, match=r"only Values can be filled, got 1.5 \(float\); wrap it"):
        fill([[x, 1.5]])
    assert x.data == 7.0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: init.zeros_([]), ShapeError, "needs at least one Value"),
        (lambda: init.zeros_(MLP(1, [1])), ParameterError, "got one MLP; pass its weight or bias"),
        (lambda: init.uniform_(Value(0.0), 1.0, 0.0), ParameterError, "a <= b .*, got a=1.0 and b=0.0"),
        (lambda: init.uniform_(Value(0.0), -1e308, 1e308), ParameterError, "a finite b - a"),
        (lambda: init.uniform_(Value(0.0), math.nan), ParameterError, "a is a finite number, got nan"),
        (lambda: init.uniform_(Value(0.0), 0.0, math.inf), ParameterError, "b is a finite number, got inf"),
        (lambda: init.normal_(Value(0.0), std=-1.0), ParameterError, "std is a finite number of at least 0, got -1.0"),
        (lambda: init.normal_(Value(0.0), std=math.inf), ParameterError, "std is a finite number .*, got inf"),
        (lambda: init.normal_(Value(0.0), math.inf), ParameterError, "mean is a finite number, got inf"),
        (lambda: init.normal_(Value(0.0), "0"), NotARealNumberError, "mean needs one real number"),
        (lambda: init.constant_(Value(0.0), math.nan), ParameterError, "val is a finite number, got nan"),
        (lambda: init.xavier_uniform_(tensor(2, 2), gain=-1.0), ParameterError, "gain is a finite number of at least"),
        (lambda: init.xavier_normal_(tensor(2, 2), gain=-1.0), ParameterError, "gain is a finite number of at least"),
        (lambda: init.kaiming_uniform_(tensor(2, 2), mode="fan"), ParameterError, "mode is .*, got 'fan'"),
        (lambda: init.kaiming_normal_(tensor(2, 2), a=math.inf), ParameterError, "slope of leaky_relu is a finite"),
        (lambda: init.kaiming_normal_(tensor(2, 2), nonlinearity="rely"), ParameterError, "did you mean relu"),
        (lambda: init.calculate_gain(["relu"]), ParameterError, r"nonlinearity is one of .*, got \['relu'\]"),
        (lambda: init.calculate_gain("gelu"), ParameterError, "linear, conv1d, .*, got 'gelu'; "),
    ],
)
def test_initialisers_refuse_what_does_not_fit(call, error, message):
    with pytest.raises(error, match=message):
        call()
