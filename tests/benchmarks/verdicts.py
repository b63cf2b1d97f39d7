"""Gradient checkers side by side on cases that are hard for them: ``python -m tests.benchmarks.verdicts``.

All four agree on ordinary functions, such as the first of the right ones and the first of the wrong ones here.
Each case is a function with a right gradient, which a checker should accept, or a wrong one, which it should reject.
Every checker runs at its defaults. Those of PyTorch, JAX and HIPS autograd take part where they are installed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

from rich.console import Console
from rich.table import Table

ACCEPT, REJECT = "accept", "reject"


@dataclass(frozen=True)
class Case:
    """A function ``f(m, x)`` on the engine's numbers, where ``m`` has its functions, and what a checker should do."""

    name: str
    f: Callable[[Any, Any], Any]
    x: float
    should: str


CASES = [
    Case("tanh(x) at 0.3", lambda m, x: m.tanh(x), 0.3, ACCEPT),
    Case("relu(x) at 1e-7", lambda m, x: m.relu(x), 1e-7, ACCEPT),
    Case("relu(x) at -1e-12", lambda m, x: m.relu(x), -1e-12, ACCEPT),
    Case("sin(1e6 x) at 0.7", lambda m, x: m.sin(1e6 * x), 0.7, ACCEPT),
    Case("sqrt(x) at 1e-12", lambda m, x: m.sqrt(x), 1e-12, ACCEPT),
    Case("log(x) at 1e-9", lambda m, x: m.log(x), 1e-9, ACCEPT),
    Case("1 / x at 1e-8", lambda m, x: 1 / x, 1e-8, ACCEPT),
    Case("tanh(1e8 x) at 1e-9", lambda m, x: m.tanh(1e8 * x), 1e-9, ACCEPT),
    Case("exp(x) at 300", lambda m, x: m.exp(x), 300.0, ACCEPT),
    Case("x + 1e-6 sin(1e6 x) at 0", lambda m, x: x + 1e-6 * m.sin(1e6 * x), 0.0, ACCEPT),
    Case("relu(x) at 0", lambda m, x: m.relu(x), 0.0, ACCEPT),
    Case("|x| at 0", lambda m, x: m.abs(x), 0.0, ACCEPT),
    Case("max(x, 2 - x) at 1", lambda m, x: m.maximum(x, 2 - x), 1.0, ACCEPT),
    Case("1.5 x, gradient 1", lambda m, x: x + 0.5 * m.stop(x), 0.3, REJECT),
    Case("1e-6 x, gradient 0", lambda m, x: 1e-6 * m.stop(x) + 0 * x, 0.3, REJECT),
    Case("1 + 1e-6 x, gradient 0", lambda m, x: 1 + 1e-6 * m.stop(x) + 0 * x, 0.3, REJECT),
    Case("1.000001 x, gradient 1", lambda m, x: x + 1e-6 * m.stop(x), 0.3, REJECT),
    Case("1.0005 x, gradient 1", lambda m, x: x + 5e-4 * m.stop(x), 0.3, REJECT),
    Case("x + 1e-6 sin(1e6 x), gradient 1", lambda m, x: x + 1e-6 * m.sin(1e6 * m.stop(x)), 0.0, REJECT),
    Case("3 relu(x) at 0, gradient -1", lambda m, x: 3 * m.relu(m.stop(x)) + m.stop(x) - x, 0.0, REJECT),
]

Checker = Callable[[Case], bool]


def ours() -> Checker:
    """Return our checker; inconclusive counts as not accepted."""
    from autograd_tiny import ops
    from autograd_tiny.testing import check_gradients

    names = ("relu", "sin", "sqrt", "log", "tanh", "exp", "abs", "maximum")
    m = SimpleNamespace(**{name: getattr(ops, name) for name in names}, stop=lambda x: x.detach())
    return lambda case: check_gradients(lambda x: case.f(m, x), case.x).ok


def pytorch() -> Checker:
    """Return torch.autograd.gradcheck in double precision."""
    import torch

    names = ("relu", "sin", "sqrt", "log", "tanh", "exp", "abs", "maximum")
    m = SimpleNamespace(**{name: getattr(torch, name) for name in names}, stop=lambda x: x.detach())

    def check(case: Case) -> bool:
        x = torch.tensor(case.x, dtype=torch.float64, requires_grad=True)
        return bool(torch.autograd.gradcheck(lambda x: case.f(m, x), (x,), raise_exception=False))

    return check


def jax_() -> Checker:
    """Return jax.test_util.check_grads, reverse mode, first order, in double precision."""
    import jax
    import jax.numpy as jnp
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)
    names = ("sin", "sqrt", "log", "tanh", "exp", "abs", "maximum")
    m = SimpleNamespace(**{name: getattr(jnp, name) for name in names}, relu=jax.nn.relu, stop=jax.lax.stop_gradient)

    def check(case: Case) -> bool:
        try:
            check_grads(lambda x: case.f(m, x), (jnp.float64(case.x),), order=1, modes=["rev"])
        except AssertionError:
            return False
        return True

    return check


def hips() -> Checker:
    """Return autograd.test_util.check_grads, reverse mode, first order."""
    import autograd.numpy as anp
    import numpy as np
    from autograd.test_util import check_grads
    from autograd.tracer import getval

    names = ("sin", "sqrt", "log", "tanh", "exp", "abs", "maximum")
    functions = {name: getattr(anp, name) for name in names}
    m = SimpleNamespace(**functions, relu=lambda x: anp.maximum(x, 0.0), stop=getval)

    def check(case: Case) -> bool:
        np.random.seed(0)
        try:
            check_grads(lambda x: case.f(m, x), modes=["rev"], order=1)(case.x)
        except AssertionError:
            return False
        return True

    return check


CHECKERS: dict[str, tuple[str, Callable[[], Checker]]] = {
    "autograd_tiny": ("autograd_tiny", ours),
    "PyTorch": ("torch", pytorch),
    "JAX": ("jax", jax_),
    "HIPS autograd": ("autograd", hips),
}


def verdicts() -> dict[str, list[bool]]:
    """Return, for each checker that is installed, whether it accepts each case."""
    outcomes = {}
    for name, (module, make) in CHECKERS.items():
        if find_spec(module) is not None:
            check = make()
            outcomes[name] = [check(case) for case in CASES]
    return outcomes


def main() -> int:
    """Print the table; exit code 1 when our own checker is wrong anywhere."""
    outcomes = verdicts()
    table = Table("case", "should", *[f"{name} {version(CHECKERS[name][0])}" for name in outcomes])
    for k, case in enumerate(CASES):
        cells = []
        for accepts in (accepted[k] for accepted in outcomes.values()):
            said = ACCEPT if accepts else REJECT
            cells.append(f"[green]{said}s[/]" if said == case.should else f"[red]{said}s (wrong)[/]")
        table.add_row(case.name, case.should, *cells)
    right = {
        name: sum(accepts == (case.should == ACCEPT) for accepts, case in zip(accepted, CASES, strict=True))
        for name, accepted in outcomes.items()
    }
    table.add_section()
    table.add_row("right", "", *[f"{count} of {len(CASES)}" for count in right.values()])
    console = Console(width=None if sys.stdout.isatty() else 130)
    console.print(table)
    missing = [name for name in CHECKERS if name not in outcomes]
    if missing:
        console.print(
            f"not installed: {', '.join(missing)}; pip install {' '.join(CHECKERS[name][0] for name in missing)}"
        )
    return 0 if right["autograd_tiny"] == len(CASES) else 1


if __name__ == "__main__":
    raise SystemExit(main())
