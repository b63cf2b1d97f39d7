"""The classic networks by hand: the textbooks' matrix formulas in NumPy, one generator of updates for each.

Weights are matrices of inputs by outputs, examples are rows. A delta belongs to the weighted sum of a neuron, and the
textbooks add: weights += lr * (what came in)^T delta.
"""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def xor(W1, W2, X, y, lr=1.0):
    """3-4-1, sigmoid both, no biases: the sum of (y - out)^2."""
    while True:
        hidden = sigmoid(X @ W1)
        out = sigmoid(hidden @ W2)
        output_delta = 2 * (y - out) * out * (1 - out)
        hidden_delta = (output_delta @ W2.T) * hidden * (1 - hidden)
        W2 = W2 + lr * hidden.T @ output_delta
        W1 = W1 + lr * X.T @ hidden_delta
        yield W1, W2


def single_layer(W, X, y, lr=1.0):
    """3-1 sigmoid, no bias: half the sum of (y - out)^2. Forward, error, backward, gradients, update."""
    while True:
        out = sigmoid(X @ W)
        error = y - out
        delta = error * out * (1 - out)
        gradient = X.T @ delta
        W = W + lr * gradient
        yield (W,)


def two_layer(W1, b1, W2, b2, X, y, lr):
    """Sigmoid both, with biases: half the sum of (y - out)^2."""
    while True:
        hidden = sigmoid(X @ W1 + b1)
        out = sigmoid(hidden @ W2 + b2)
        output_delta = (y - out) * out * (1 - out)
        hidden_delta = output_delta @ W2.T * hidden * (1 - hidden)
        W2, b2 = W2 + lr * hidden.T @ output_delta, b2 + lr * output_delta.sum(axis=0)
        W1, b1 = W1 + lr * X.T @ hidden_delta, b1 + lr * hidden_delta.sum(axis=0)
        yield W1, b1, W2, b2


def tanh_xor(W1, W2, X, y, lr=1.0):
    """3-4-1, tanh and then a sigmoid, no biases: half the sum of (y - out)^2."""
    while True:
        a = np.tanh(X @ W1)
        out = sigmoid(a @ W2)
        output_delta = (y - out) * out * (1 - out)
        hidden_delta = output_delta @ W2.T * (1 - a**2)
        W2, W1 = W2 + lr * a.T @ output_delta, W1 + lr * X.T @ hidden_delta
        yield W1, W2


def house_prices(W1, b1, W2, b2, X, y, lr):
    """2-3-1, tanh and then linear, with biases: the mean of (y - out)^2."""
    while True:
        a = np.tanh(X @ W1 + b1)
        out = a @ W2 + b2
        output_delta = 2 * (y - out) / len(X)
        hidden_delta = output_delta @ W2.T * (1 - a**2)
        W2, b2 = W2 + lr * a.T @ output_delta, b2 + lr * output_delta.sum(axis=0)
        W1, b1 = W1 + lr * X.T @ hidden_delta, b1 + lr * hidden_delta.sum(axis=0)
        yield W1, b1, W2, b2


def one_update(w, x, y, rates, l1=0.0, l2=0.0):
    """3-1 linear, one example, a rate for each update: (y - w.x)^2 / 2 + l1 * sum of abs(w) + l2 * sum of w^2."""
    for lr in rates:
        w = w + lr * (x * (y - w @ x) - l1 * np.sign(w) - 2 * l2 * w)
        yield w


def sgd(p, g, lr, momentum=0.0):
    """Updates of many parameters with gradients that stay the same."""
    velocity = np.zeros_like(p)
    while True:
        velocity = momentum * velocity + g
        p = p - lr * velocity
        yield p


def adam(p, g, lr, b1=0.9, b2=0.999, eps=1e-8):
    """The same for Adam."""
    m, v, t = np.zeros_like(p), np.zeros_like(p), 0
    while True:
        t += 1
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        p = p - lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
        yield p
