"""A game on the line held against its exact optimum: V, D*, p_g and JSD by quadrature."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from scratchgan import checks
from scratchgan.errors import ShapeError
from scratchgan.exact.knots import g_and_dg, knots_1d
from scratchgan.games import Exact, Game
from scratchgan.gan import Noise, Trainer
from scratchgan.nn import Network
from scratchgan.theory import (
    Density,
    Estimate,
    Normal,
    Uniform,
    js,
)
from scratchgan.theory.densities import Points
from scratchgan.theory.pushforward import Pushforward, pushforward_1d

__all__ = ["ExactGame", "exact_density", "exact_game", "exact_output"]


class ExactGame(NamedTuple):
    """What ``exact_game`` returns; divergences in nats."""

    game: Game  # that D was trained for last
    js: Estimate  # JSD(p_data‖p_g)
    js_average: Estimate | None  # JSD of the moving average of G, where there is one
    exact: Exact | None  # V(G, D) and the gap from D to D*, where the game knows them

    def __str__(self) -> str:
        lines = [f"JSD            {self.js}   (0 where p_g = p_data, log 2 = 0.693 where apart)"]
        if self.exact is not None:
            value, gap = self.exact
            lines.insert(0, f"V(G, D)        {value}{self._at_the_optimum()}")
            lines.append(f"V(G, D*) − V   {gap.value:.3g} ± {gap.error:.1g}")
            lines.append(f"mean |D − D*|  {gap.distance:.3g}")
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
    Hold a game on the line against its exact optimum.

    Parameters
    ----------
    trainer : Trainer
        With noise of one feature and data of one.
    p_data : Density
        On the line.

    Raises
    ------
    ShapeError
        If noise or data have more than one dimension: see ``theory.pushforward``
        for what can be had in the plane.
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
    return ExactGame(
        game, js(p_data, p_g), averaged, game.exact(exact_output(D.network), p_data, p_g)
    )


def exact_density(G: Network, noise: Noise) -> Pushforward:
    """Return p_g, the density of G(z), for a network with one input and one output."""
    checks.instance("exact_density", "G", G, Network, "a Network")
    checks.instance("exact_density", "noise", noise, Noise, "a Noise, such as Noise(1)")
    if noise.features != 1:
        raise ShapeError(
            f"z has {noise.features} dimensions; p_g is exact on the line alone, for z of one"
        )
    p_z = Normal() if noise.kind == "normal" else Uniform(noise.low, noise.high)
    low, high = (float(end) for end in p_z.landmarks()[[0, -1]])
    return pushforward_1d(g_and_dg(G), p_z, knots=knots_1d(G, low, high))


def exact_output(D: Network) -> Callable[[Points], Points]:
    """Return D's first output as a function in float64, which quadrature needs to be smooth."""
    network = checks.instance("exact_output", "D", D, Network, "a Network").in_float64()
    return lambda x: network(x)[:, 0]
