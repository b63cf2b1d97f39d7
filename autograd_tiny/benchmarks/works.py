"""The works of the benchmark, who takes part in each, and the ratios that are to be reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ..errors import ParameterError, did_you_mean, listed
from ..value import Value
from . import baseline, ours, with_c, with_jax, with_modules, with_numpy, with_torch, with_values
from .problems import Step

OURS = "ours, compiled"
EAGER, ELEMENTWISE = "ours, eager nn", "ours, eager elementwise"


@dataclass(frozen=True)
class Engine:
    """One way to do a work.

    Attributes:
        name: as it is shown; ours begin with "ours".
        make: returns the step, at its start; raises MissingPackageError or MissingProgramError where it cannot run.
        at_most: the target for its time in seconds, None where there is none.
        at_once: how many steps it takes in one native call: timings are of multiples.
    """

    name: str
    make: Callable[[], Step]
    at_most: float | None = None
    at_once: int = 1


@dataclass(frozen=True)
class Ratio:
    """How many times longer one engine takes than another.

    Attributes:
        slow, fast: the names of the engines.
        at_least, at_most: the target.
    """

    slow: str
    fast: str
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True)
class Work:
    """Something that several engines do from the same numbers.

    Attributes:
        title: what is timed, in words.
        engines: who takes part; the losses of all are compared with those of the first that can.
        ratios: of their times.
        fewest: steps that are timed together at least. Graphs with reference cycles are not freed when a step ends but
            later, by the collector, in the middle of another step: timing single steps would leave that cost out.
        parts: what the time of a step is divided by.
    """

    title: str
    engines: tuple[Engine, ...]
    ratios: tuple[Ratio, ...] = ()
    fewest: int = 3
    parts: int = 1


WORKS = {
    "moons": Work(
        "training step on 100 moons, 2-16-16-1, SGD",
        (
            Engine(EAGER, with_modules.moons_step),
            Engine(ELEMENTWISE, partial(with_values.moons_step, Value)),
            Engine("micrograd", with_values.micrograd_moons_step),
            Engine("PyTorch, nn", with_torch.moons_step),
            Engine("PyTorch, leanest", with_torch.moons_lean_step),
            Engine("JAX, jit", with_jax.moons_step),
            Engine("NumPy by hand", with_numpy.moons_step),
            Engine("C by hand", with_c.moons_step),
            Engine("ours, NumPy only", partial(ours.moons_step, executor="numpy")),
            Engine(OURS, ours.moons_step, at_once=ours.STEPS_AT_ONCE),
        ),
        (
            Ratio("micrograd", OURS, at_least=20_000.0),
            Ratio("PyTorch, leanest", OURS, at_least=10.0),
            Ratio("JAX, jit", OURS, at_least=4.0),
            Ratio("NumPy by hand", OURS, at_least=2.0),
            Ratio("C by hand", OURS, at_least=1.0),
            Ratio("micrograd", "ours, NumPy only", at_least=200.0),
        ),
    ),
    "gpt": Work(
        "training step of the GPT on one name, Adam",
        (
            Engine(EAGER, with_modules.gpt_step),
            Engine("plain Python", partial(with_values.gpt_step, baseline.Value)),
            Engine("PyTorch", with_torch.gpt_step),
            Engine("NumPy by hand", with_numpy.gpt_step),
            Engine("C by hand", with_c.gpt_step),
            Engine(OURS, ours.gpt_step),
        ),
        (
            Ratio("plain Python", OURS, at_least=1000.0),
            Ratio("PyTorch", OURS, at_least=10.0),
            Ratio("NumPy by hand", OURS, at_least=2.5),
            Ratio("C by hand", OURS),
        ),
    ),
    "digits": Work(
        "epoch on 1,797 digits, 64-32-10, batches of 64, Adam",
        (
            Engine("PyTorch", with_torch.digits_epoch),
            Engine("NumPy by hand", with_numpy.digits_epoch),
            Engine(OURS, ours.digits_epoch),
        ),
        (Ratio("PyTorch", OURS, at_least=3.0), Ratio("NumPy by hand", OURS)),
    ),
    "replay": Work(
        "forward and backward of the 65,818-node loss of all moons, a node",
        (
            Engine(ELEMENTWISE, partial(with_values.replay_step, Value)),
            Engine("ours, replay", ours.replay_step, at_most=5e-9),
        ),
        (Ratio(ELEMENTWISE, "ours, replay"),),
        parts=65_818,
    ),
    "compile": Work(
        "the moons program, until it has run once",
        (
            Engine("ours, compiled anew", partial(ours.compile_moons_step, cached=False), at_most=0.5),
            Engine("ours, from the disk", partial(ours.compile_moons_step, cached=True), at_most=5e-3),
        ),
        fewest=1,
    ),
    "large": Work(
        "a program of 100,000 instructions, until it has run once",
        (Engine("ours, compiled anew", ours.compile_large_step, at_most=2.0),),
        fewest=1,
    ),
    "cost": Work(
        "the loss of all moons, without and with its gradients",
        (
            Engine("ours, value", ours.moons_value_step),
            Engine("ours, value and gradient", ours.moons_gradient_step),
        ),
        (Ratio("ours, value and gradient", "ours, value", at_most=4.0),),
    ),
}


def chosen(names: list[str] | None) -> dict[str, Work]:
    """Return the works of these names in the order of the table, all of them for None.

    Raises:
        ParameterError: for a name that no work has.

    >>> list(chosen(["gpt", "moons"]))
    ['moons', 'gpt']
    """
    for name in names or ():
        if name not in WORKS:
            remedy = did_you_mean(name, WORKS) or f"there are {listed(list(WORKS))}"
            raise ParameterError(f"there is no benchmark {name!r}; {remedy}")
    return {name: work for name, work in WORKS.items() if names is None or name in names}
