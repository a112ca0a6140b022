"""What a network is: one file a layer, forward and backward by hand."""

from scratchgan.nn.activation import Activation, LeakyReLU, ReLU, Sigmoid, Softplus, Tanh
from scratchgan.nn.batch_norm import BatchNorm
from scratchgan.nn.concat import Concat
from scratchgan.nn.dropout import Dropout
from scratchgan.nn.flat import Layout
from scratchgan.nn.layer import Context, Layer
from scratchgan.nn.layer_norm import LayerNorm
from scratchgan.nn.linear import Linear
from scratchgan.nn.maxout import Maxout
from scratchgan.nn.minibatch_discrimination import MinibatchDiscrimination
from scratchgan.nn.network import Network
from scratchgan.nn.projection import Projection
from scratchgan.nn.reference_batch import ReferenceBatch
from scratchgan.nn.sequential import Sequential
from scratchgan.nn.spectral_norm import SpectralNorm
from scratchgan.nn.virtual_batch_norm import VirtualBatchNorm

__all__ = [
    "Activation",
    "BatchNorm",
    "Concat",
    "Context",
    "Dropout",
    "Layer",
    "LayerNorm",
    "Layout",
    "LeakyReLU",
    "Linear",
    "Maxout",
    "MinibatchDiscrimination",
    "Network",
    "Projection",
    "ReLU",
    "ReferenceBatch",
    "Sequential",
    "Sigmoid",
    "Softplus",
    "SpectralNorm",
    "Tanh",
    "VirtualBatchNorm",
]
