"""What a network is: one file a layer, forward and backward by hand."""

from scratchgan.nn.concat import Concat
from scratchgan.nn.dropout import Dropout
from scratchgan.nn.flat import Layout
from scratchgan.nn.layer import Context, Layer
from scratchgan.nn.leaky_relu import LeakyReLU
from scratchgan.nn.linear import Linear
from scratchgan.nn.maxout import Maxout
from scratchgan.nn.network import Network
from scratchgan.nn.relu import ReLU
from scratchgan.nn.sequential import Sequential
from scratchgan.nn.sigmoid import Sigmoid
from scratchgan.nn.softplus import Softplus
from scratchgan.nn.tanh import Tanh

__all__ = [
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
