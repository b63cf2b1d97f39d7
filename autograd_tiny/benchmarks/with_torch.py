"""The works in PyTorch on the CPU, eagerly: as its users write them, and as lean as its autograd allows.

In the lean ones, parameters and gradients are views of two vectors, so that an optimiser has a single tensor.
"""

from __future__ import annotations

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
    MOONS_SIZES,
    Matrix,
    Step,
    digit_batches,
    moons,
    next_letters,
)

if TYPE_CHECKING:
    from torch import Tensor


def moons_step() -> Step:
    """Return the step on the moons with ``torch.nn`` and ``torch.optim.SGD``."""
    torch = _torch()
    points, labels, layers = moons()
    x, y = _tensor(points), _tensor(labels)
    inputs, first, second, outputs = MOONS_SIZES
    model = torch.nn.Sequential(
        torch.nn.Linear(inputs, first, dtype=torch.float64),
        torch.nn.ReLU(),
        torch.nn.Linear(first, second, dtype=torch.float64),
        torch.nn.ReLU(),
        torch.nn.Linear(second, outputs, dtype=torch.float64),
    )
    parameters = list(model.parameters())
    with torch.no_grad():
        for parameter, start in zip(parameters, _weights_and_biases(layers), strict=True):
            parameter.copy_(start)
    optimizer = torch.optim.SGD(parameters, lr=MOONS_LR)

    def step() -> float:
        hinge = torch.relu(1 - y * model(x)[:, 0]).mean()
        loss = hinge + MOONS_PENALTY * sum(p.square().sum() for p in parameters)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def moons_lean_step() -> Step:
    """Return the step on the moons with few operations on plain tensors.

    The penalty is outside of autograd, as in an optimiser's weight decay: its slope is in the vector of gradients
    before ``backward()`` adds to that.
    """
    torch = _torch()
    points, labels, layers = moons()
    x, y = _tensor(points), _tensor(labels)[:, None]
    ones = torch.ones_like(y)
    vector, (w1, b1, w2, b2, w3, b3) = _trainable([start.t().contiguous() for start in _weights_and_biases(layers)])
    gradient = vector.grad

    def step() -> float:
        hidden = torch.addmm(b1, x, w1).relu_()
        hidden = torch.addmm(b2, hidden, w2).relu_()
        hinge = torch.addcmul(ones, y, torch.addmm(b3, hidden, w3), value=-1).relu_().mean()
        loss = hinge.item() + MOONS_PENALTY * torch.dot(vector, vector).item()
        torch.mul(vector, 2 * MOONS_PENALTY, out=gradient)
        hinge.backward()
        vector.sub_(gradient, alpha=MOONS_LR)
        return float(loss)

    return step


def gpt_step() -> Step:
    """Return the step of the example GPT on one name; query, key and value are one matrix, Adam is fused."""
    torch = _torch()
    from torch.nn import functional

    tokens, matrices = next_letters()
    tensors = {name: _tensor(rows) for name, rows in matrices.items()}
    attention = torch.cat([tensors.pop(name) for name in ("query", "key", "value")])
    vector, (qkv, token, position, out, up, down, head) = _trainable([attention, *tensors.values()])
    optimizer = torch.optim.Adam([vector], lr=GPT_LR, betas=GPT_BETAS, eps=GPT_EPS, fused=True)
    inputs, targets = torch.tensor(tokens[:-1]), torch.tensor(tokens[1:])
    length, width = len(inputs), len(out)
    heads = (length, 3, GPT_HEADS, width // GPT_HEADS)

    def norm(x: Tensor) -> Tensor:
        return functional.rms_norm(x, (width,), eps=GPT_NORM_EPS)

    def step() -> float:
        x = norm(functional.embedding(inputs, token) + position[:length])
        q, k, v = functional.linear(norm(x), qkv).view(heads).permute(1, 2, 0, 3)[:, None].unbind()
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = torch.addmm(x, mixed[0].transpose(0, 1).reshape(length, width), out.t())
        x = torch.addmm(x, functional.linear(norm(x), up).relu_(), down.t())
        loss = functional.cross_entropy(functional.linear(x, head), targets)
        vector.grad.zero_()
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def digits_epoch() -> Step:
    """Return the epoch on the digits, with the fused Adam."""
    torch = _torch()
    from torch.nn import functional

    rows, layers = digit_batches()
    batches = [(_tensor(images), torch.tensor(digits)) for images, digits in rows]
    examples = sum(len(digits) for _, digits in batches)
    vector, (w1, b1, w2, b2) = _trainable(_weights_and_biases(layers))
    optimizer = torch.optim.Adam([vector], lr=DIGITS_LR, betas=DIGITS_BETAS, eps=DIGITS_EPS, fused=True)

    def epoch() -> float:
        total = 0.0
        for images, digits in batches:
            hidden = functional.linear(images, w1, b1).relu_()
            loss = functional.cross_entropy(functional.linear(hidden, w2, b2), digits)
            vector.grad.zero_()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(digits)
        return total / examples

    return epoch


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise MissingPackageError("torch", "PyTorch", extra="bench") from None
    return torch


def _tensor(numbers: Any) -> Tensor:
    import torch

    return torch.tensor(numbers, dtype=torch.float64)


def _weights_and_biases(layers: list[Matrix]) -> list[Tensor]:
    tensors = map(_tensor, layers)
    return [part.contiguous() for rows in tensors for part in (rows[:, :-1], rows[:, -1])]


def _trainable(starts: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Return one vector of all numbers with its gradient, and parameters that are views of both."""
    import torch

    vector = torch.cat([start.reshape(-1) for start in starts])
    vector.grad = torch.zeros_like(vector)
    sizes = [start.numel() for start in starts]
    parameters = []
    for start, part, slopes in zip(starts, vector.split(sizes), vector.grad.split(sizes), strict=True):
        parameter = part.view(start.shape).requires_grad_()
        parameter.grad = slopes.view(start.shape)
        parameters.append(parameter)
    return vector, parameters
