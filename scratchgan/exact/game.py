"""Compare a game on the line with its exact optimum: V, D*, p_g and JSD by quadrature."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from scratchgan import checks
from scratchgan.backends import get_backend
from scratchgan.errors import ShapeError
from scratchgan.exact.knots import g_and_dg, knots_1d
from scratchgan.games import Game
from scratchgan.gan import Noise, Trainer
from scratchgan.nn import Network
from scratchgan.theory import (
    Density,
    DiscriminatorGap,
    Estimate,
    Normal,
    Uniform,
    js,
)
from scratchgan.theory.densities import Points
from scratchgan.theory.pushforward import Pushforward, pushforward_1d

if TYPE_CHECKING:
    from scratchgan.games.game import Output

__all__ = ["ExactGame", "exact_density", "exact_game", "exact_output"]


LARGEST = 30.0  # of D*: a log-ratio is unbounded, and so may be its mean distance from D


class ExactGame(NamedTuple):
    """The result of ``exact_game``; divergences in nats."""

    game: Game  # the game that D played last
    value: Estimate | None  # V(G, D); None if the game does not define it
    js: Estimate  # JSD(p_data‖p_g)
    gap: DiscriminatorGap | None  # from D to D*; None if D* or a finite V(G, D*) is not known
    js_average: Estimate | None  # JSD of the moving average of G; None without one

    def __str__(self) -> str:
        lines = [f"JSD            {self.js}   (0 where p_g = p_data, log 2 = 0.693 where apart)"]
        if self.value is not None:
            lines.insert(0, f"V(G, D)        {self.value}{self._at_the_optimum()}")
        if self.gap is not None:
            lines.append(f"V(G, D*) − V   {self.gap.value:.3g} ± {self.gap.error:.1g}")
            if not math.isnan(self.gap.distance):
                lines.append(f"mean |D − D*|  {self.gap.distance:.3g}")
        if self.js_average is not None:
            lines.append(f"JSD, average G {self.js_average}   (of the moving average of G)")
        return "\n".join(lines)

    def _at_the_optimum(self) -> str:
        optimum = self.game.optimum
        if optimum is None:
            return ""
        named = f"{optimum.value_name} = " if optimum.value_name else ""
        return f"   (at the optimum {named}{optimum.value:.6f})"


def exact_game(trainer: Trainer, p_data: Density) -> ExactGame:
    """
    Compare a game on the line with its exact optimum.

    Parameters
    ----------
    trainer : Trainer
        With one feature in the noise and one in the data.
    p_data : Density
        In one dimension.

    Raises
    ------
    ShapeError
        If noise or data have more than one dimension. For the plane, see ``theory.pushforward``.
    """
    checks.instance("exact_game", "trainer", trainer, Trainer, "a Trainer")
    checks.instance("exact_game", "p_data", p_data, Density, "a Density on the line")
    G, D = trainer.G, trainer.D
    p_g = exact_density(G.network, trainer.noise)
    game = trainer.played
    averaged = None
    if G.average_flat is not None:
        average = G.network.in_float64(G.average_flat)
        averaged = js(p_data, exact_density(average, trainer.noise))
    output = exact_output(D.network)
    value = game.exact_value(output, p_data, p_g)
    gap = None if value is None else _gap(game, output, value, p_data, p_g)
    return ExactGame(game, value, js(p_data, p_g), gap, averaged)


def _gap(
    game: Game, D: Output, reached: Estimate, p_data: Density, p_g: Density
) -> DiscriminatorGap | None:
    """Return V(G, D*) − V(G, D), and the mean distance of the readings of D and D*."""
    best, most = game.optimal_d(p_data, p_g), game.best_value(p_data, p_g)
    if best is None or most is None or not math.isfinite(most.value):
        return None

    def read(output: Points) -> Points:
        return np.asarray(game.reading.of(output[:, None], get_backend("reference")))[:, 0]

    def off(x: Points) -> Points:
        return np.abs(read(D(x)) - read(best(x)))

    distance = math.nan
    places = np.concatenate([p_data.landmarks(), p_g.landmarks()])[:, None]
    if (np.abs(read(best(places))) <= LARGEST).all():
        one, two = p_data.expect(off, p_g.landmarks()), p_g.expect(off, p_data.landmarks())
        distance = (one.value + two.value) / 2
    return DiscriminatorGap(most.value - reached.value, distance, most.error + reached.error)


def exact_density(G: Network, noise: Noise) -> Pushforward:
    """Return p_g, the density of G(z), for a network with one input and one output."""
    checks.instance("exact_density", "G", G, Network, "a Network")
    checks.instance("exact_density", "noise", noise, Noise, "a Noise, such as Noise(1)")
    if noise.features != 1:
        raise ShapeError(
            f"z has {noise.features} dimensions; expected 1, because p_g is exact only on the line"
        )
    p_z = Normal() if noise.kind == "normal" else Uniform(noise.low, noise.high)
    low, high = (float(end) for end in p_z.landmarks()[[0, -1]])
    return pushforward_1d(g_and_dg(G), p_z, knots=knots_1d(G, low, high))


def exact_output(D: Network) -> Output:
    """Return D's first output as a function in float64; quadrature needs this precision."""
    network = checks.instance("exact_output", "D", D, Network, "a Network").in_float64()
    return lambda x: network(x)[:, 0]
