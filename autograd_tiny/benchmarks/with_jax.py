"""The moons in JAX: the whole step compiled by ``jax.jit``, all parameters in one vector that it may overwrite."""

from __future__ import annotations

from typing import Any

from ..errors import MissingPackageError
from .problems import MOONS_LR, MOONS_PENALTY, Step, moons


def moons_step() -> Step:
    """Return the step on the moons, the data compiled in."""
    try:
        import jax
    except ImportError:
        raise MissingPackageError("jax", "JAX", extra="bench") from None
    import jax.numpy as jnp
    from jax.flatten_util import ravel_pytree

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_cpu_enable_async_dispatch", False)  # handing so small a step to a thread costs more than it
    points, labels, rows = moons()
    x, y = jnp.array(points), jnp.array(labels, dtype=float)
    parameters, unravel = ravel_pytree([jnp.array(layer) for layer in rows])

    def loss(vector: Any) -> Any:
        *hidden, last = unravel(vector)
        h = x
        for layer in hidden:
            h = jax.nn.relu(h @ layer[:, :-1].T + layer[:, -1])
        scores = h @ last[0, :-1] + last[0, -1]
        return jax.nn.relu(1 - y * scores).mean() + MOONS_PENALTY * jnp.dot(vector, vector)

    def trained(vector: Any) -> tuple[Any, Any]:
        value, gradient = jax.value_and_grad(loss)(vector)
        return value, vector - MOONS_LR * gradient

    compiled = jax.jit(trained, donate_argnums=0)

    def step() -> float:
        nonlocal parameters
        value, parameters = compiled(parameters)
        return float(value)  # waits for it

    return step
