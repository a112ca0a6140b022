"""Games as a user writes them, outside the package: a name, d and g, and what is known of them."""

import numpy as np

import scratchgan as sg
from scratchgan.backends import default_backend
from scratchgan.games import Optimum
from scratchgan.theory import Estimate


def mean_square(outputs, target, ops):
    """½ mean (outputs − target)², and its gradient."""
    shift = ops.empty(outputs.shape, outputs.dtype)
    ops.fill_(shift, -target)
    off, batch = ops.add(outputs, shift), outputs.shape[0]
    return ops.scale(ops.sum_rows(ops.multiply(off, off)), 0.5 / batch), ops.scale(off, 1 / batch)


def mean(outputs, ops):
    """The mean, and its gradient."""
    batch = outputs.shape[0]
    slope = ops.empty(outputs.shape, outputs.dtype)
    ops.fill_(slope, 1 / batch)
    return ops.scale(ops.sum_rows(outputs), 1 / batch), slope


class LeastSquares(sg.Game):
    """D's score goes to 1 on real examples and to 0 on generated ones (Mao et al. 2017)."""

    name = "least_squares_own"
    optimum = Optimum(-0.25, 0.5, "−¼", "½")  # D* = p/(p + q)

    def __init__(self, goal=1.0):
        self.goal = goal  # where G wants its samples' scores

    def d(self, real, fake, ops=None):
        ops = ops or default_backend()
        on_real, d_real = mean_square(real, 1.0, ops)
        on_fake, d_fake = mean_square(fake, 0.0, ops)
        value = ops.scale(ops.add(on_real, on_fake), -1.0)
        return value, ops.scale(d_real, -1.0), ops.scale(d_fake, -1.0)

    def g(self, fake, real=None, ops=None):
        ops = ops or default_backend()
        return *mean_square(fake, self.goal, ops), None

    def exact_value(self, D, p_data, p_g):
        real = p_data.expect(lambda x: -((D(x) - 1) ** 2) / 2, p_g.landmarks())
        fake = p_g.expect(lambda x: -(D(x) ** 2) / 2, p_data.landmarks())
        return Estimate(real.value + fake.value, real.error + fake.error)

    def optimal_d(self, p_data, p_g):
        return lambda x: 1 / (1 + np.exp(p_g.log_pdf(x) - p_data.log_pdf(x)))


class Wasserstein(sg.Game):
    """No optimum is said, nothing but d and g (Arjovsky et al. 2017, without a constraint on D)."""

    name = "wasserstein_own"

    def d(self, real, fake, ops=None):
        ops = ops or default_backend()
        on_real, d_real = mean(real, ops)
        on_fake, d_fake = mean(fake, ops)
        return ops.add(on_real, ops.scale(on_fake, -1.0)), d_real, ops.scale(d_fake, -1.0)

    def g(self, fake, real=None, ops=None):
        ops = ops or default_backend()
        on_fake, d_fake = mean(fake, ops)
        return ops.scale(on_fake, -1.0), ops.scale(d_fake, -1.0), None


class RelativisticPairing(sg.Game):
    """Each sample is compared with a real example: log σ(D(x) − D(G(z))) (Jolicoeur-Martineau)."""

    name = "pairing_own"
    optimum = Optimum(-np.log(2))  # D is free up to a constant, so no reading is known
    unit = "nats"
    needs_real = True

    def d(self, real, fake, ops=None):
        ops = ops or default_backend()
        apart = ops.add(real, ops.scale(fake, -1.0))
        value, d_apart = ops.log_sigmoid_mean(apart, +1.0)
        return value, d_apart, ops.scale(d_apart, -1.0)

    def g(self, fake, real=None, ops=None):
        ops = ops or default_backend()
        apart = ops.add(real, ops.scale(fake, -1.0))
        loss, d_apart = ops.log_sigmoid_mean(apart, -1.0)
        return ops.scale(loss, -1.0), d_apart, ops.scale(d_apart, -1.0)


class AuxiliaryClassifier(sg.Game):
    """A game around another: D also says which class an example is of (Odena et al. 2017)."""

    needs_labels = True

    def __init__(self, game, classes):
        self.game, self.classes = game, classes
        self.name = f"auxiliary_classifier({game.name})"
        self.outputs = (*game.outputs, *(f"class {k}" for k in range(classes)))
        self.reading, self.unit = game.reading, game.unit

    def d(self, real, fake, ops=None, labels=None):
        ops = ops or default_backend()
        value, d_real, d_fake = self.game.d(self.first(real, ops), self.first(fake, ops), ops)
        on_real, c_real = self.classified(real, labels.real, ops)
        on_fake, c_fake = self.classified(fake, labels.fake, ops)
        value = ops.add(value, ops.scale(ops.add(on_real, on_fake), -1.0))
        return (
            value,
            ops.concat_columns(d_real, ops.scale(c_real, -1.0)),
            ops.concat_columns(d_fake, ops.scale(c_fake, -1.0)),
        )

    def g(self, fake, real=None, ops=None, labels=None):
        ops = ops or default_backend()
        loss, d_fake, _ = self.game.g(self.first(fake, ops), ops=ops)
        off, c_fake = self.classified(fake, labels.fake, ops)
        return ops.add(loss, off), ops.concat_columns(d_fake, c_fake), None

    def first(self, outputs, ops):
        return ops.columns(outputs, 0, 1)

    def classified(self, outputs, labels, ops):
        return ops.softmax_cross_entropy(ops.columns(outputs, 1, 1 + self.classes), labels)
