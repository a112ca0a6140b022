"""A grid of samples whose codes change along each row."""

import re

import numpy as np
import pytest

from scratchgan.games import MutualInformation
from scratchgan.gan import code_grid
from tests.games.coded import CODES, FEATURES, trainer
from tests.gan.test_generator import PRIOR, generator


def test_what_changes_and_what_stays(monkeypatch):
    G, seen = generator(), []
    monkeypatch.setattr(G, "at", lambda z, labels: seen.append(z) or z[:, :FEATURES])
    numbers = np.array([[-1.0, 0], [0, 1], [1, 2], [2, 3]])
    grid = code_grid(G, {1: numbers, 2: [5, 6, 7, 8]}, down={0: [2, 1, 0]}, stream=4)
    assert grid.shape == (12, FEATURES)
    z = seen[0].reshape(3, 4, PRIOR.features)
    assert (z[:, :, 5:7] == numbers).all()
    assert (z[:, :, 7] == [5, 6, 7, 8]).all()
    assert (z[:, :, 2:5].argmax(axis=2) == [[2] * 4, [1] * 4, [0] * 4]).all()
    noise = z[:, :, :2]
    assert (noise == noise[:, :1]).all()
    assert len(np.unique(noise[:, 0, 0])) == 3  # each row has its own
    assert np.allclose(noise[:, 0], np.asarray(G.draw_z(3, grid_stream()))[:, :2], rtol=1e-6)


def grid_stream():
    from scratchgan.gan.generator import stream_of

    return stream_of("", 4)


def test_rows_by_their_number():
    G = generator()
    grid = code_grid(G, {0: [0, 1, 2]}, down=5)
    assert grid.shape == (15, FEATURES)
    assert (grid == code_grid(G, {0: np.arange(3)}, down=5, stream=0)).all()
    assert (grid != code_grid(G, {0: np.arange(3)}, down=5, stream=1)).any()


def test_a_conditional_generator():
    G = trainer(MutualInformation(codes=CODES), True).generator()
    rows = code_grid(G, {0: [0, 1]}, down=4)
    one = code_grid(G, {0: [0, 1]}, down=4, label=2)
    assert np.allclose(rows[4:6], one[4:6])
    assert not np.allclose(rows[:2], one[:2])


@pytest.mark.parametrize(
    ("across", "down", "said"),
    [
        ({}, 3, "across is {}; expected codes with equally many values"),
        ({0: 1}, 3, "across is {0: 1}; expected codes with equally many"),
        ({0: [1, 2], 2: [1.0]}, 3, "expected codes with equally many values"),
        ({0: [1, 2]}, {2: 0.5}, "down is {2: 0.5}; expected codes with equally many"),
        ({0: [1, 2]}, 0, "down is 0; expected"),
        ([1, 2], 3, "across is [1, 2]; expected a mapping"),
        ({5: [1, 2]}, 3, "code 5 is chosen, but this generator has the codes 0 … 2"),
        ({0: [1, 3]}, 3, "has the classes 1 … 3; expected 0 … 2"),
    ],
)
def test_wrong_arguments(across, down, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        code_grid(generator(), across, down)
