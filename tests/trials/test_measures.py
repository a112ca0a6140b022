import numpy as np
import pytest

from scratchgan.data import Dataset, load
from scratchgan.errors import DataError
from scratchgan.gan import Noise
from scratchgan.recipes import get_recipe
from scratchgan.theory import Normal, js
from scratchgan.trials.measures import measure, measures_of
from tests.trials.small import coarse


def settings(features, **changes):
    return get_recipe("ring").settings.changed(noise=Noise(features), **changes)


def labels(data, features=2):
    return [each.label for each in measures_of(load(data), settings(features))]


def test_what_is_measured_follows_from_the_data():
    modes = ["modes", "high quality", "reverse KL"]
    assert labels("ring") == [*modes, "JSD, at least"]
    assert labels("ring", 64) == modes
    assert labels("mixture-1d", 1) == [*modes, "JSD (exact)"]
    assert labels("gaussian-1d", 1) == ["JSD (exact)"]
    assert labels("swiss-roll") == ["JSD, at least"]
    assert labels("digits") == ["classifier score", "Fréchet", "precision", "recall"]


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(DataError, match="p_g is known only for noise of 2 features"):
        measures_of(load("swiss-roll"), settings(3))
    with pytest.raises(DataError, match="nothing can be compared"):
        measures_of(Dataset.from_array(np.ones((9, 2)), name="mine"), settings(2))


def test_the_keys_are_those_that_are_measured(monkeypatch):
    coarse(monkeypatch)
    for recipe in ("ring", "gaussian-1d"):
        data = load(recipe)
        trainer = get_recipe(recipe).trainer(data, backend="reference", batch_size=8)
        trainer.train(2)
        found = measure(trainer, data)
        keys = {each.key for each in measures_of(data, trainer.settings)}
        assert keys <= found.keys()
        assert all(np.isfinite(value) for value in found.values())


def test_the_jsd_of_a_known_generator(monkeypatch):
    """A linear G: its p_g is a normal, on the line and in the plane."""
    from scratchgan import Adam, Linear, Network, Trainer
    from scratchgan.theory import GaussianMixture

    for dim in (1, 2):
        G = Network(Linear(dim, dim), backend="reference", dtype=np.float64)
        G.params["weight"][...] = 2 * np.eye(dim)
        D = Network(Linear(dim, 1), backend="reference", dtype=np.float64)
        p = Normal(0, 1) if dim == 1 else GaussianMixture([[0.0, 0.0]], 1.0)
        x = p.sample(5000, np.random.default_rng(0)).reshape(-1, dim)
        data = Dataset.from_array(x, name="normal", density=p)
        trainer = Trainer(
            G, D, data.x, noise=Noise(dim), optimizer_g=Adam(), optimizer_d=Adam(), batch_size=8
        )
        found = measure(trainer, data)["js"]
        if dim == 1:
            assert found == pytest.approx(js(Normal(0, 1), Normal(0, 2)).value, abs=1e-6)
        else:  # by quadrature over the radius
            r = np.linspace(0, 40, 400_001)
            p_r, q_r = r * np.exp(-(r**2) / 2), r / 4 * np.exp(-(r**2) / 8)
            m = (p_r + q_r) / 2
            with np.errstate(divide="ignore", invalid="ignore"):
                terms = [np.nan_to_num(a * np.log(a / m)) for a in (p_r, q_r)]
            exact = sum(term.sum() for term in terms) / 2 * (r[1] - r[0])
            assert 0.9 * exact < found < exact + 1e-3


def test_where_z_has_codes_p_g_is_not_known():
    """The modes are counted, and the JSD is missing."""
    data = load("ring")
    trainer = get_recipe("ring").trainer(
        data, backend="reference", batch_size=8, objective="mutual_information"
    )
    assert measure(trainer, data).keys() == {"captured", "high_quality", "reverse_kl"}
