"""The works in NumPy, backpropagation derived by hand: matrices over all examples, results written in place.

All parameters are one vector, and the matrices are views of it: an update is a few operations on the whole vector.
Activations are kept as (features, examples) with a last row of ones, so that a product with the rows of a layer, which
hold the weights and then the bias, is the affine map, and the product of the deltas with them the gradient of both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import MissingPackageError
from .problems import (
    DIGITS_BETAS,
    DIGITS_EPS,
    DIGITS_LR,
    GPT_BETAS,
    GPT_EPS,
    GPT_HEADS,
    GPT_LR,
    GPT_NORM_EPS,
    MOONS_LR,
    MOONS_PENALTY,
    Matrix,
    Step,
    digit_batches,
    moons,
    next_letters,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


def moons_step() -> Step:
    """Return the step on the moons."""
    np = _numpy()
    points, labels, layers = moons()
    parameters, (w1, w2, w3) = _views(layers)
    gradients, (g1, g2, g3) = _views(layers)
    y = np.array(labels, dtype=float)
    x = _with_ones(np.transpose(points))
    a1, a2 = np.ones((len(w1) + 1, len(y))), np.ones((len(w2) + 1, len(y)))
    h1, h2 = a1[:-1], a2[:-1]
    w2_weights, w3_weights = w2[:, :-1].T, w3[:, :-1].T
    delta_per_miss = -y / len(y)

    def step() -> float:
        np.matmul(w1, x, out=h1)
        np.maximum(h1, 0.0, out=h1)
        np.matmul(w2, a1, out=h2)
        np.maximum(h2, 0.0, out=h2)
        margins = 1.0 - y * (w3[0] @ a2)
        misses = margins > 0.0
        loss = float(margins @ misses) / len(y) + MOONS_PENALTY * float(parameters @ parameters)
        delta = delta_per_miss * misses
        np.matmul(a2, delta, out=g3[0])
        delta = w3_weights * delta
        delta *= h2 > 0.0
        np.matmul(delta, a1.T, out=g2)
        delta = w2_weights @ delta
        delta *= h1 > 0.0
        np.matmul(delta, x.T, out=g1)
        np.multiply(parameters, 1.0 - 2.0 * MOONS_LR * MOONS_PENALTY, out=parameters)
        np.multiply(gradients, MOONS_LR, out=gradients)
        np.subtract(parameters, gradients, out=parameters)
        return loss

    return step


def digits_epoch() -> Step:
    """Return the epoch on the digits."""
    np = _numpy()
    rows, layers = digit_batches()
    parameters, (w1, w2) = _views(layers)
    gradients, (g1, g2) = _views(layers)
    batches = [(_with_ones(np.transpose(images)), np.array(digits)) for images, digits in rows]
    examples = sum(len(digits) for _, digits in batches)
    update = _adam(parameters, gradients, DIGITS_LR, DIGITS_BETAS, DIGITS_EPS)
    w2_weights = w2[:, :-1].T

    def epoch() -> float:
        total = 0.0
        for x, digits in batches:
            a = np.ones((len(w1) + 1, len(digits)))
            h = a[:-1]
            np.matmul(w1, x, out=h)
            np.maximum(h, 0.0, out=h)
            columns = np.arange(len(digits))
            delta, loss = _cross_entropy(np, w2 @ a, digits, columns)
            total += loss
            np.matmul(delta, a.T, out=g2)
            delta = w2_weights @ delta
            delta *= h > 0.0
            np.matmul(delta, x.T, out=g1)
            update()
        return total / examples

    return epoch


def gpt_step() -> Step:
    """Return the step of the example GPT on one name; here a row is a position, and query, key, value one matrix."""
    np = _numpy()
    tokens, matrices = next_letters()
    parameters, views = _views(list(matrices.values()))
    gradients, slopes = _views(list(matrices.values()))
    token, position, *_, out, up, down, head = views
    g_token, g_position, *_, g_out, g_up, g_down, g_head = slopes
    width, length = len(out), len(tokens) - 1
    size = width // GPT_HEADS
    start = token.size + position.size
    qkv, g_qkv = (flat[start : start + 3 * width * width].reshape(3 * width, width) for flat in (parameters, gradients))
    inputs, targets, places = tokens[:-1], np.array(tokens[1:]), np.arange(length)
    one_hot = np.eye(len(token))[inputs].T.copy()
    later = np.triu(np.full((length, length), -np.inf), 1)
    update = _adam(parameters, gradients, GPT_LR, GPT_BETAS, GPT_EPS)
    gradients[:] = 0.0  # positions beyond the name stay so
    g_position = g_position[:length]
    heads = (length, 3, GPT_HEADS, size)

    def norm(x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        scale = (np.vecdot(x, x)[:, None] / width + GPT_NORM_EPS) ** -0.5
        return x * scale, scale

    def norm_back(delta: NDArray[Any], y: NDArray[Any], scale: NDArray[Any]) -> NDArray[Any]:
        slopes: NDArray[Any] = (delta - y * (np.vecdot(delta, y)[:, None] / width)) * scale
        return slopes

    def step() -> float:
        embedded = token[inputs] + position[:length]
        x0, scale0 = norm(embedded)
        n0, scale1 = norm(x0)
        q, k, v = (n0 @ qkv.T).reshape(heads).transpose(1, 2, 0, 3)
        scores = q @ k.transpose(0, 2, 1)
        scores *= size**-0.5
        scores += later
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        mixed = (weights @ v).transpose(1, 0, 2).reshape(length, width)
        x1 = mixed @ out.T
        x1 += x0
        n1, scale2 = norm(x1)
        h = n1 @ up.T
        np.maximum(h, 0.0, out=h)
        x2 = h @ down.T
        x2 += x1
        delta, loss = _cross_entropy(np, head @ x2.T, targets, places)

        np.matmul(delta, x2, out=g_head)
        d2 = delta.T @ head
        np.matmul(d2.T, h, out=g_down)
        dh = d2 @ down
        dh *= h > 0.0
        np.matmul(dh.T, n1, out=g_up)
        d1 = norm_back(dh @ up, n1, scale2)
        d1 += d2
        np.matmul(d1.T, mixed, out=g_out)
        d_mixed = (d1 @ out).reshape(length, GPT_HEADS, size).transpose(1, 0, 2)
        d_weights = d_mixed @ v.transpose(0, 2, 1)
        d_weights -= np.vecdot(d_weights, weights)[..., None]
        d_weights *= weights
        d_weights *= size**-0.5
        d_qkv = np.empty(heads)
        dq, dk, dv = d_qkv.transpose(1, 2, 0, 3)
        np.matmul(d_weights, k, out=dq)
        np.matmul(d_weights.transpose(0, 2, 1), q, out=dk)
        np.matmul(weights.transpose(0, 2, 1), d_mixed, out=dv)
        d_rows = d_qkv.reshape(length, 3 * width)
        np.matmul(d_rows.T, n0, out=g_qkv)
        d0 = norm_back(d_rows @ qkv, n0, scale1)
        d0 += d1
        g_position[:] = norm_back(d0, x0, scale0)
        np.matmul(one_hot, g_position, out=g_token)
        update()
        return loss / length

    return step


def _numpy() -> Any:
    try:
        import numpy
    except ImportError:
        raise MissingPackageError("numpy", "NumPy", extra="bench") from None
    return numpy


def _views(matrices: list[Matrix]) -> tuple[NDArray[Any], list[NDArray[Any]]]:
    """Return one vector of all numbers and the matrices as views of it."""
    import numpy as np

    arrays = [np.array(rows) for rows in matrices]
    flat = np.concatenate([array.ravel() for array in arrays])
    ends = np.cumsum([array.size for array in arrays])
    return flat, [flat[end - array.size : end].reshape(array.shape) for array, end in zip(arrays, ends, strict=True)]


def _with_ones(x: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    rows: NDArray[Any] = np.vstack([x, np.ones(x.shape[1])])
    return rows


def _cross_entropy(
    np: Any, logits: NDArray[Any], targets: NDArray[Any], columns: NDArray[Any]
) -> tuple[NDArray[Any], float]:
    """Return the slopes of the mean loss and the sum of the losses, an example a column."""
    logits -= logits.max(axis=0)
    at_targets = logits[targets, columns]
    powers = np.exp(logits, out=logits)
    totals = powers.sum(axis=0)
    loss = float(np.log(totals).sum() - at_targets.sum())
    powers /= totals
    powers[targets, columns] -= 1.0
    powers /= len(columns)
    return powers, loss


def _adam(
    parameters: NDArray[Any], gradients: NDArray[Any], lr: float, betas: tuple[float, float], eps: float
) -> Callable[[], None]:
    """Return the step of Adam on the whole vector."""
    import numpy as np

    first, second, change = np.zeros_like(parameters), np.zeros_like(parameters), np.empty_like(parameters)
    b1, b2 = betas
    steps = 0

    def update() -> None:
        nonlocal steps
        steps += 1
        np.subtract(gradients, first, out=change)
        np.multiply(change, 1.0 - b1, out=change)
        np.add(first, change, out=first)
        np.multiply(gradients, gradients, out=change)
        np.subtract(change, second, out=change)
        np.multiply(change, 1.0 - b2, out=change)
        np.add(second, change, out=second)
        root = (1.0 - b2**steps) ** 0.5
        np.sqrt(second, out=change)
        np.add(change, eps * root, out=change)
        np.divide(first, change, out=change)
        np.multiply(change, lr * root / (1.0 - b1**steps), out=change)
        np.subtract(parameters, change, out=parameters)

    return update
