"""Neural networks from scalars: modules, a multilayer perceptron and losses."""

from .layers import MLP, Layer, Neuron
from .losses import cross_entropy, hinge_loss, mse_loss
from .module import Module

__all__ = ["MLP", "Layer", "Module", "Neuron", "cross_entropy", "hinge_loss", "mse_loss"]
