"""Two players near an equilibrium: closed forms against differences and against trajectories."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgan as sg
from scratchgan.errors import DataError, ShapeError
from scratchgan.games import get_game
from scratchgan.theory import Normal
from scratchgan.theory.dynamics import (
    bilinear,
    dirac_gan,
    jacobian,
    spectral_radius,
    trajectory,
    update_jacobian,
    update_map,
)

ZERO = np.zeros(4)
LOGISTIC = ["minimax", "non_saturating"]
KINDS = ["simultaneous", "alternating"]


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


class TestFields:
    @pytest.mark.parametrize("name", LOGISTIC)
    @given(theta=st.floats(-3, 3), phi=st.floats(-3, 3), gamma=st.floats(0, 2))
    def test_dirac_gan(self, name, theta, phi, gamma):
        """The slopes of log σ(−θφ), which D ascends, and of G's loss."""
        found = dirac_gan(get_game(name), gamma=gamma)(np.array([theta, phi]))
        d = sigmoid(theta * phi)
        weight = {"minimax": d, "non_saturating": 1 - d}[name]
        expected = np.array([weight * phi, -d * theta - gamma * phi])
        assert np.abs(found - expected).max() <= 1e-14

    @pytest.mark.parametrize("name", LOGISTIC)
    def test_instance_noise_is_integrated(self, name):
        """Against differences of V and of G's loss by adaptive quadrature."""
        w, h, std = np.array([0.7, -1.1]), 1e-5, 0.8
        loss = {
            "minimax": lambda t: -np.logaddexp(0, t),
            "non_saturating": lambda t: np.logaddexp(0, -t),
        }[name]

        def over_samples(f, theta, phi):
            return Normal(theta, std).expect(lambda x: f(phi * x[:, 0])).value

        def value(theta, phi):
            real = Normal(0, std).expect(lambda x: -np.logaddexp(0, -phi * x[:, 0])).value
            return real + over_samples(lambda t: -np.logaddexp(0, t), theta, phi)

        theta, phi = w
        by_theta = (over_samples(loss, theta + h, phi) - over_samples(loss, theta - h, phi)) / (
            2 * h
        )
        by_phi = (value(theta, phi + h) - value(theta, phi - h)) / (2 * h)
        found = dirac_gan(get_game(name), noise=std)(w)
        assert np.abs(found - [-by_theta, by_phi]).max() <= 1e-8
        assert np.abs(found - dirac_gan(get_game(name))(w)).max() > 0.05

    def test_pairs_with_noise(self):
        """log σ(φ (x − y)) over pairs: x − y is normal too, with mean −θ and variance 2 s²."""
        w, h, std = np.array([0.7, -1.1]), 1e-5, 0.8

        def value(theta, phi):
            apart = Normal(-theta, std * np.sqrt(2))
            return apart.expect(lambda x: -np.logaddexp(0, -phi * x[:, 0])).value

        by_phi = (value(w[0], w[1] + h) - value(w[0], w[1] - h)) / (2 * h)
        found = dirac_gan(sg.RelativisticPairing(), noise=std)(w)
        assert abs(found[1] - by_phi) <= 1e-8
        assert abs(dirac_gan(sg.RelativisticPairing())(w)[1] - by_phi) > 0.05

    @pytest.mark.parametrize(
        ("noise", "gamma", "expected"),
        [
            (0.0, 0.0, [0.5j, -0.5j]),
            (0.0, 0.3, -0.15 + np.sqrt(0.15**2 - 0.25 + 0j) * np.array([1, -1])),
            (0.0, 2.0, -1 + np.sqrt(0.75) * np.array([1, -1])),
            (0.8, 0.0, -0.16 + np.sqrt(0.16**2 - 0.25 + 0j) * np.array([1, -1])),
        ],
    )
    @pytest.mark.parametrize("name", LOGISTIC)
    def test_eigenvalues_of_the_paper(self, name, noise, gamma, expected):
        """Mescheder et al. 2018, with f′(0) = ½ and f″(0) = −¼."""
        J = jacobian(dirac_gan(get_game(name), noise, gamma), [0.0, 0.0])
        found = np.linalg.eigvals(J)
        assert np.abs(np.sort_complex(found) - np.sort_complex(expected)).max() <= 1e-8

    @pytest.mark.parametrize("game", [sg.Minimax, object(), "minimax"])
    def test_what_is_no_game(self, game):
        with pytest.raises(ValueError, match="expected a game"):
            dirac_gan(game)


class Number(sg.Linear):
    """Linear(1 → 1) of which one parameter is trained; the other stays 0."""

    def __init__(self, trained):
        zero = sg.initializers.constant(0.0)
        super().__init__(1, 1, weight=zero, bias=zero)
        self.still = {"weight": "bias", "bias": "weight"}[trained]

    def backward(self, params, cache, dy, ctx, grads=None, need_dx=True):
        dx = super().backward(params, cache, dy, ctx, grads, need_dx)
        if grads is not None:
            ctx.ops.fill_(grads[self.still], 0.0)
        return dx


class TestUpdates:
    @pytest.mark.parametrize("updates", KINDS)
    @pytest.mark.parametrize("name", LOGISTIC)
    @pytest.mark.parametrize("momentum", [0.0, 0.6])
    def test_they_are_those_of_the_trainer(self, updates, name, momentum):
        """The Dirac-GAN played by two networks, update by update."""
        nets = [sg.Network(Number(n), dtype=np.float64) for n in ("bias", "weight")]
        (G, D), start = nets, (0.8, -0.3)
        G.params["bias"][:], D.params["weight"][:] = start
        optimizer = sg.SGD(0.2, momentum)
        trainer = sg.Trainer(
            G, D, np.zeros((4, 1)), noise=sg.Noise(1), batch_size=4, objective=name,
            updates=updates, optimizer_g=optimizer, optimizer_d=optimizer,
        )  # fmt: skip
        played = [start]
        for _ in range(30):
            trainer.step()
            played.append((G.params["bias"].item(), D.params["weight"].item()))
        step = update_map(dirac_gan(get_game(name)), 0.2, updates, momentum)
        expected = trajectory(step, [*start, 0.0, 0.0], 30)[:, :2]
        assert np.abs(played - expected).max() <= 1e-13
        other = update_map(dirac_gan(get_game(name)), 0.2, KINDS[updates == KINDS[0]], momentum)
        assert np.abs(played - trajectory(other, [*start, 0.0, 0.0], 30)[:, :2]).max() > 0.01

    @pytest.mark.parametrize("updates", KINDS)
    @given(
        rates=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)),
        betas=st.tuples(st.floats(-0.9, 0.9), st.floats(-0.9, 0.9)),
        gamma=st.floats(0, 2),
    )
    def test_their_jacobian(self, updates, rates, betas, gamma):
        field = dirac_gan(sg.Minimax(), gamma=gamma)
        exact = update_jacobian(jacobian(field, [0.0, 0.0]), rates, updates, betas)
        measured = jacobian(update_map(field, rates, updates, betas), ZERO)
        assert np.abs(exact - measured).max() <= 1e-8

    @pytest.mark.parametrize("updates", KINDS)
    def test_states_without_velocities(self, updates):
        step = update_map(bilinear, 0.3, updates)
        exact = update_jacobian(jacobian(bilinear, [0.0, 0.0]), 0.3, updates)
        assert np.abs(jacobian(step, [0.0, 0.0]) - exact[:2, :2]).max() <= 1e-9
        assert np.sort(np.abs(np.linalg.eigvals(exact)))[:2].max() <= 1e-12

    @given(rate=st.floats(0.01, 1.9))
    def test_the_bilinear_game(self, rate):
        """Simultaneous updates diverge by √(1 + η²), alternating ones stay on an ellipse."""
        J = jacobian(bilinear, [0.0, 0.0])
        together = spectral_radius(update_jacobian(J, rate, "simultaneous"))
        assert abs(together - np.hypot(1, rate)) <= 1e-9
        in_turn = update_jacobian(J, rate, "alternating")
        assert abs(spectral_radius(in_turn) - 1) <= 1e-7

    @given(rate=st.floats(0.05, 0.5), beta=st.floats(0.05, 0.9))
    def test_positive_momentum_diverges(self, rate, beta):
        J = jacobian(bilinear, [0.0, 0.0])
        for updates in KINDS:
            assert spectral_radius(update_jacobian(J, rate, updates, beta)) > 1 + 1e-6

    def test_negative_momentum_converges_in_turn(self):
        """Gidel et al. 2019: alternating updates, β = −½ for G and 0 for D, contract."""
        J = jacobian(bilinear, [0.0, 0.0])
        assert spectral_radius(update_jacobian(J, 0.5, "alternating", (-0.5, 0.0))) < 0.975
        assert spectral_radius(update_jacobian(J, 0.5, "simultaneous", (-0.5, 0.0))) > 1

    def test_the_radius_is_the_rate_of_convergence(self):
        field = dirac_gan(sg.NonSaturating(), gamma=0.5)
        path = trajectory(update_map(field, 0.5), [1e-3, 1e-3], 200)
        size = np.linalg.norm(path, axis=1)
        M = update_jacobian(jacobian(field, [0.0, 0.0]), 0.5)
        assert abs((size[200] / size[100]) ** (1 / 100) - spectral_radius(M)) <= 0.01
        assert size[200] < 1e-6


class TestArguments:
    @pytest.mark.parametrize(
        ("made", "error", "said"),
        [
            (lambda: update_map(bilinear, 0.0), ValueError, "rate is 0.0; expected a number above"),
            (lambda: update_map(bilinear, [0.1] * 3), ShapeError, "rate has shape"),
            (lambda: update_map(bilinear, 0.1, momentum=1.0), ValueError, "between −1 and 1"),
            (lambda: update_map(bilinear, 0.1, momentum=np.nan), DataError, "momentum"),
            (lambda: update_map(bilinear, 0.1, "in turn"), ValueError, "kind of updates"),
            (lambda: update_map(3, 0.1), ValueError, "a function of w"),
            (lambda: update_map(bilinear, 0.1)([1.0, 2.0, 3.0]), ShapeError, "both velocities"),
            (lambda: update_jacobian(np.eye(3), 0.1), ShapeError, "J has shape"),
            (lambda: dirac_gan(sg.Minimax(), noise=-1), ValueError, "noise is -1"),
            (lambda: dirac_gan(sg.Minimax(), gamma=-1), ValueError, "gamma is -1"),
            (lambda: spectral_radius(np.ones((2, 3))), ShapeError, r"expected \(n, n\)"),
            (lambda: jacobian(bilinear, [0.0, 0.0], h=0), ValueError, "h is 0"),
            (lambda: trajectory(bilinear, [1.0], 3), ShapeError, "state has shape"),
            (lambda: trajectory(bilinear, [1.0, 0.0], -1), ValueError, "n is -1"),
        ],
    )
    def test_wrong_ones_are_refused(self, made, error, said):
        with pytest.raises(error, match=said):
            made()
