"""What a network is: one file a layer, forward and backward by hand."""

from scratchgan.nn.activation import Activation, LeakyReLU, ReLU, Sigmoid, Softplus, Tanh
from scratchgan.nn.concat import Concat
from scratchgan.nn.dropout import Dropout
from scratchgan.nn.flat import Layout
from scratchgan.nn.layer import Context, Layer
from scratchgan.nn.linear import Linear
from scratchgan.nn.maxout import Maxout
from scratchgan.nn.network import Network
from scratchgan.nn.sequential import Sequential

__all__ = [
    "Activation",
    "Concat",
    "Context",
    "Dropout",
    "Layer",
    "Layout",
    "LeakyReLU",
    "Linear",
    "Maxout",
    "Network",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softplus",
    "Tanh",
]
