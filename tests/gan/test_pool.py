"""The history pool: TF-GAN's rule, sample by sample, and what it does to D's step."""

import numpy as np
import pytest

from scratchgan.backends import Purpose, Stream, get_backend
from scratchgan.games import Minimax, get_game
from scratchgan.gan import discriminator_step
from scratchgan.gan.d_input import DInput
from scratchgan.gan.pool import Pool
from scratchgan.nn import Context
from tests.backends.cases import every_backend
from tests.gan.games import BATCH, CLASSES, FEATURES, batch, players

OPS = get_backend("reference")


def numbered(pool, batches, rows=7, ops=OPS, labels=False):
    """Send samples 0, 1, 2, … through a pool; return what D gets, in order."""
    seen = []
    for step in range(batches):
        value = np.arange(step * rows, (step + 1) * rows, dtype=np.float64)
        sample = ops.asarray(np.column_stack([value, -value]))
        z = ops.asarray(np.zeros((rows, 1)))
        if labels:
            z = z, ops.asarray(np.column_stack([value, value, 2 * value]))
        got, z = pool.swapped(sample, z, Stream(seed=3, step=step))
        got = ops.to_numpy(got)
        assert (got[:, 1] == -got[:, 0]).all()  # a row stays whole
        if labels:
            assert (ops.to_numpy(z[1]) == got[:, :1] * [1, 1, 2]).all()  # with its label
        seen += got[:, 0].tolist()
    return np.array(seen)


@every_backend
def test_the_first_samples_are_stored_and_given_to_d(ops):
    pool = Pool(ops, 10, 2, 0, np.float64)
    assert (numbered(pool, 1, ops=ops) == np.arange(7)).all()
    assert ops.to_numpy(pool.filled).tolist() == [7]
    assert ops.to_numpy(pool.rows)[:7, 0].tolist() == list(range(7))


def test_tf_gan_s_rule():
    """After the first, a share of 1 − p is unpooled, and no sample is given more than twice."""
    for share in (0.5, 0.2):
        pool = Pool(OPS, 50, 2, 0, np.float64, share)
        seen = numbered(pool, 1200)[50:]
        fresh = seen == np.arange(50, 50 + len(seen))
        error = 4 * np.sqrt(share * (1 - share) / len(seen))
        assert abs(fresh.mean() - (1 - share)) <= error
        times = np.unique(seen, return_counts=True)[1]
        assert times.max() == 2
        age = np.arange(50, 50 + len(seen))[~fresh] - seen[~fresh]
        assert abs(age.mean() - 50) <= 5  # a sample stays for 50 exchanges on average
        assert (pool.filled == 50).all()


def test_all_or_none_are_older():
    assert (numbered(Pool(OPS, 3, 2, 0, np.float64, 0.0), 9) == np.arange(63)).all()
    older = numbered(Pool(OPS, 3, 2, 0, np.float64, 1.0), 9)
    assert (older[3:] < np.arange(3, 63)).all()
    assert (older[1:] == np.arange(62)).all() is np.False_


def test_a_pool_of_one_and_a_batch_that_is_larger():
    """One after the other: each sample replaces the one before it."""
    seen = numbered(Pool(OPS, 1, 2, 0, np.float64, 1.0), 2)
    assert seen.tolist() == [0, *range(13)]


@every_backend
def test_labels_stay_with_their_samples(ops):
    pool = Pool(ops, 5, 2, 3, np.float64)
    seen = numbered(pool, 20, ops=ops, labels=True)
    assert not (seen == np.arange(140)).all()


@every_backend
def test_the_same_exchange_on_every_backend(ops):
    a, b = (Pool(each, 20, 2, 0, np.float64) for each in (ops, OPS))
    assert (numbered(a, 12, ops=ops) == numbered(b, 12)).all()
    assert (ops.to_numpy(a.rows) == b.rows).all()


def test_d_s_step_sees_older_samples_with_their_labels():
    """D's gradient is that of the exchanged samples; G is asked as without a pool."""
    D, G = players(labels=True)
    pool = Pool(OPS, 4, FEATURES, CLASSES, np.float64, 1.0)
    game, how = get_game("minimax"), DInput(pool=pool)
    first = discriminator_step(D, G, *batch(True, 1), game, Stream(0), how)
    rows = pool.rows.copy()
    assert (pool.filled == 4).all()
    x, z = batch(True, 2)
    before = D.network.flat.copy()
    discriminator_step(D, G, x, z, game, Stream(0, 1), how)
    with_pool = D.grads_flat.copy()

    class Fixed:
        """A G that gives what the pool gave."""

        def __init__(self):
            self.network = G.network

        def forward(self, z, ctx):
            return seen[0], None

    D.network.flat[...] = before
    pool.rows[...] = rows
    fake = G.forward(z, contexts(1))[0]
    seen = pool.swapped(fake, z, Stream(0, 1))
    assert (seen[0] != fake).any()
    discriminator_step(D, Fixed(), x, seen[1], game, Stream(0, 1))
    assert (D.grads_flat == with_pool).all()
    assert first.fake_outputs.shape == (BATCH, 1)


def contexts(step):
    return Context(OPS, True, Stream(0, step).purpose(Purpose.GENERATOR))


def test_a_game_that_compares_labels_gets_those_of_the_exchanged_samples():
    told = []

    class Compares(Minimax):
        needs_labels = True

        def d(self, real, fake, ops=None, *, labels=None):
            told.append(labels.fake.copy())
            return super().d(real, fake, ops)

    _, G = players(labels=True)
    D, _ = players()
    pool = Pool(OPS, 8 * BATCH, FEATURES, CLASSES, np.float64, 1.0)
    for step in range(9):  # 8 fill the pool
        before = pool.rows.copy()
        x, z = batch(True, step)
        discriminator_step(D, G, x, z, Compares(), Stream(0, step), DInput(pool=pool))
    assert (told[0] == batch(True, 0)[1][1]).all()
    words = OPS.random_words((BATCH, 2), Stream(0, 8).purpose(Purpose.POOL))[:, 0]
    places = ((words >> np.uint32(8)) / 2**24 * pool.size).astype(int)
    assert len(set(places)) == BATCH
    assert (told[8] == before[places, FEATURES:]).all()
    assert (told[8] != z[1]).any()


@pytest.mark.parametrize("labels", [False, True])
def test_a_share_of_none_is_no_pool(labels):
    found = []
    for pool in (None, Pool(OPS, 4, FEATURES, CLASSES * labels, np.float64, 0.0)):
        D, G = players(labels)
        for step in range(3):
            x, z = batch(labels, step)
            discriminator_step(D, G, x, z, get_game("minimax"), Stream(0, step), DInput(pool=pool))
        found.append(D.network.flat.tobytes())
    assert found[0] == found[1]
