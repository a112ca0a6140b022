"""Samples with chosen codes."""

import re

import numpy as np
import pytest

import scratchgan as sg
from scratchgan.backends import Stream
from scratchgan.games import MutualInformation
from scratchgan.gan import Generator, Noise
from scratchgan.gan.noise import Prior
from tests.games.coded import CODES, WIDTH, trainer

PRIOR = Prior(Noise(2), CODES)


def generator(prior=PRIOR, seed=0):
    return Generator(sg.Network(sg.Linear(prior.features, 3), seed=seed), prior)


def test_codes_are_drawn_behind_the_noise():
    G, stream = generator(), Stream(3)
    z = np.asarray(G.draw_z(20, stream))
    assert z.shape == (20, 2 + WIDTH)
    assert (z[:, :2] == np.asarray(G.noise.sample(G.network.ops, 20, stream, "float32"))).all()
    assert (z[:, 2:5].sum(axis=1) == 1).all()
    assert np.allclose(G.sample(20, stream), G.at(z), rtol=1e-6)
    assert len(np.unique(z[:, 2:5].argmax(axis=1))) == 3
    draws = [z[:, 0], z[:, 5], z[:, 7]]  # noise, uniform, normal: no two are of the same words
    assert np.abs(np.corrcoef(draws) - np.eye(3)).max() < 0.7


def test_a_chosen_code_changes_its_own_columns():
    G, stream = generator(), Stream(3)
    z = np.asarray(G.draw_z(4, stream))
    chosen = G.with_codes(z, {0: 2, 2: [1.0, 2.0, 3.0, 4.0]})
    assert (chosen[:, 2:5] == [0, 0, 1]).all()
    assert (chosen[:, 7] == [1, 2, 3, 4]).all()
    assert (chosen[:, [0, 1, 5, 6]] == z[:, [0, 1, 5, 6]]).all()
    assert np.allclose(
        G.sample(4, stream, codes={0: 2, 2: [1.0, 2.0, 3.0, 4.0]}), G.at(chosen), rtol=1e-6
    )
    assert (G.sample(4, stream, codes={}) == G.sample(4, stream)).all()


def test_a_generator_without_codes_draws_as_before():
    plain, wrapped = (
        generator(Prior(Noise(2))),
        Generator(sg.Network(sg.Linear(2, 3), seed=0), Noise(2)),
    )
    assert plain.prior == wrapped.prior
    assert (plain.sample(5) == wrapped.sample(5)).all()


def test_of_a_trainer():
    t = trainer(MutualInformation("minimax", CODES))
    assert t.generator().prior == t.settings.prior == PRIOR
    assert t.samples(5).shape == (5, 3)


@pytest.mark.parametrize(
    ("prior", "codes", "said"),
    [
        (PRIOR, {3: 0}, "code 3 is chosen, but this generator has the codes 0 … 2"),
        (PRIOR, {"first": 0}, "code 'first' is chosen, but"),
        (Prior(Noise(2)), {0: 1}, "code 0 is chosen, but this generator has no codes"),
        (PRIOR, [0], "codes is [0]; expected a mapping such as {0: 7}"),
        (PRIOR, {0: 3}, "a categorical code has the classes 3 … 3; expected 0 … 2"),
        (PRIOR, {1: [1.0, 2.0]}, "a uniform code is [1.0, 2.0]; expected a number, or (4,)"),
    ],
)
def test_wrong_choices(prior, codes, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        generator(prior).sample(4, codes=codes)


def test_a_z_of_another_width():
    with pytest.raises(ValueError, match=re.escape("z has shape (4, 2); expected (n, 8)")):
        generator().at(np.zeros((4, 2)))
