"""The cases are those that were asked for, and all contenders do the same work."""

import importlib
from dataclasses import replace

import numpy as np
import pytest

from scratchgan.backends import ACTIVATIONS, Backend, get_backend
from scratchgan.workshop.bench import SUITES
from scratchgan.workshop.bench.cases import Fused, Product, suite_cases
from scratchgan.workshop.bench.games import GAMES, DGradient, GameSizes
from scratchgan.workshop.bench.operations import OPERATIONS, RATE
from scratchgan.workshop.bench.peers.d_gradient import (
    BackendDGradient,
    JaxDGradient,
    TorchDGradient,
)
from scratchgan.workshop.bench.peers.ours import BackendGame
from tests.workshop.bench.libraries import with_installed

OPS = get_backend("reference")
LAYERS = ["100→1200", "1200→1200", "1200→784", "784→1200", "240→1200"]


def test_gemm_names():
    names = [case.name for case in suite_cases("gemm") if case.dtype == "float32"]
    assert len(names) == len(set(names))
    for layer in LAYERS:
        for what in ("gan forward", "gan dW", "gan dx", "fused linear+relu"):
            assert f"{what} {layer}" in names
    assert {f"square {n}" for n in (256, 512, 1024, 2048)} < set(names)
    assert sum(name.startswith("gan") for name in names) == 15


@pytest.mark.parametrize("suite", SUITES)
def test_quick_and_only(suite):
    every, quick = suite_cases(suite), suite_cases(suite, quick=True)
    assert 0 < len(quick) < len(every)
    assert set(quick) < set(every)
    assert suite_cases(suite, only="no such case") == []
    assert suite_cases(suite, only=every[0].name)[0] == every[0]


def test_products_have_the_shapes_of_their_layer():
    """forward x·W, dW = xᵀ·dy and dx = dy·Wᵀ of 784 → 1200 at batch 100, and their work."""
    shapes = {"forward": (100, 1200), "dW": (784, 1200), "dx": (100, 784)}
    for case in suite_cases("gemm", only="784→1200"):
        if isinstance(case.work, Product):
            work = case.work
            c = OPS.gemm(*work.inputs("float32"), trans_a=work.trans_a, trans_b=work.trans_b)
            assert c.shape == shapes.pop(case.name.split()[1])
            assert work.flops == 2 * 100 * 784 * 1200
    assert shapes == {}


def test_values():
    product = suite_cases("gemm", only="square 512")[0]
    assert product.value(1.0) == pytest.approx(2 * 512**3 / 1e9)  # GFLOP/s: twice as long, half
    assert product.value(2.0) == pytest.approx(product.value(1.0) / 2)
    assert suite_cases("step", only="toy")[0].value(2.0) == 2e6  # µs


def test_inputs_are_the_same_for_all():
    for work in (Product(3, 4, 5, trans_a=True), Fused(3, 4, 5)):
        for a, b in zip(work.inputs("float64"), work.inputs("float64"), strict=True):
            assert a.dtype == np.float64
            np.testing.assert_array_equal(a, b)


# -- kernels --------------------------------------------------------------------------------------

PLAIN = (
    "asarray",
    "copy_",
    "empty",
    "fill_",
    "reshape",
    "to_numpy",
    "view",
    "zeros",
    "gemm",
    "linear",
)
NOT_MEASURED = {  # of no account, or a relative of one that is measured
    "activation_bend", "activation_grad", "add", "clip_", "closeness", "closeness_grad",
    "columns", "concat_columns", "concat_rows", "dot_rows", "exp_mean", "maxout_pick",
    "maxout_spread", "multiply_row", "norm_penalty", "normalize", "normalize_grad", "one_hot",
    "random_labels", "random_words", "reciprocal_root", "scale", "scale_by", "scale_rows",
    "scale_scheduled", "softmax_cross_entropy", "standard_deviation", "swap_rows_",
}  # fmt: skip


def test_every_operation_is_measured_or_left_out_on_purpose():
    operations = {name for name in vars(Backend) if not name.startswith("_")} - set(PLAIN)
    measured = {kernel.name.split()[0] for kernel in OPERATIONS}
    assert measured == operations - NOT_MEASURED - {"name", "looks"}
    names = {kernel.name for kernel in OPERATIONS}
    assert {f"activation {name}" for name in ACTIVATIONS} < names


DRAWING = ("dropout", "uniform", "normal")  # each library draws other numbers
COMPARED = [kernel for kernel in OPERATIONS if not kernel.name.startswith(DRAWING)]
by_name = pytest.mark.parametrize("kernel", COMPARED, ids=lambda kernel: kernel.name)


def outcome(call, arrays):
    """What a call returns, followed by its arguments, which it may have changed."""
    result = call(*arrays)
    parts = list(result) if isinstance(result, tuple) else [result]
    new = [part for part in parts if not any(part is a for a in (None, *arrays))]
    return [np.asarray(part, np.float64).ravel() for part in (*new, *arrays)]


def few(kernel, limit=50_000):
    """The kernel's inputs, a flat buffer cut short: the same at every call."""
    arrays = kernel.inputs(np.random.default_rng(0))
    return [a[:limit].copy() if a.ndim == 1 else a for a in arrays]


def compare(ours, theirs):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5, equal_nan=False)


@by_name
def test_numpy_does_the_same(kernel):
    ours = outcome(lambda *arrays: kernel.ours(OPS, *arrays), few(kernel))
    compare(ours, outcome(kernel.numpy, few(kernel)))


@by_name
@with_installed("torch")
def test_torch_does_the_same(kernel, library):
    ours = outcome(lambda *arrays: kernel.ours(OPS, *arrays), few(kernel))
    tensors = [library.from_numpy(a) for a in few(kernel)]
    theirs = outcome(lambda *arrays: kernel.torch(library, *arrays), tensors)
    if kernel.name.startswith("sgd_"):
        theirs[-1] *= -RATE  # its velocity has another scale
    compare(ours, theirs)


# -- steps ----------------------------------------------------------------------------------------

SMALL = GameSizes(
    g=(3, 16, 16, 2), d=(2, 16, 16, 1), batch=32, chunk=25, examples=500, mean=3, std=0.1
)


def game_of(library):
    name = library.__name__
    module = importlib.import_module(f"scratchgan.workshop.bench.peers.{name}_game")
    return getattr(module, f"{name.capitalize()}Game")(library, SMALL)


def test_sizes():
    assert GAMES["toy"].g == (8, 32, 32, 1)
    assert GAMES["ring"].d == (2, 128, 128, 1)
    assert GAMES["mnist"].g == (100, 1200, 1200, 784)
    assert [GAMES[name].batch for name in ("toy", "ring", "mnist")] == [128, 256, 100]


@with_installed("torch", "jax")
def test_a_penalty_reaches_every_library(library):
    """With a large γ, D's gradient by x is driven to 0; without, D tells apart what G makes."""
    name = library.__name__
    module = importlib.import_module(f"scratchgan.workshop.bench.peers.{name}_game")
    steep = []
    for gamma in (0.0, 1000.0):
        game = getattr(module, f"{name.capitalize()}Game")(library, replace(SMALL, gamma=gamma))
        game.train(300)
        steep.append(game.steepness())
    assert steep[1] < 0.1 * steep[0]


@with_installed("torch", "jax")
def test_games_begin_alike(library):
    """The same networks with the same parameters: G(z) is the same before the first step."""
    ours, theirs = BackendGame(SMALL, OPS), game_of(library)
    z = np.random.default_rng(0).standard_normal((10, 3)).astype(np.float32)
    assert ours.parameters == theirs.parameters
    np.testing.assert_allclose(ours.generate(z), theirs.generate(z), rtol=1e-5, atol=1e-6)


STEPS = 1000


def check_learns(game, train):
    """G's samples, which begin around 0, come nearer to the data, which lie around (3, 3)."""
    z = np.random.default_rng(0).standard_normal((200, 3)).astype(np.float32)
    before = np.abs(game.generate(z).mean(axis=0) - 3)
    train(STEPS)
    after = np.abs(game.generate(z).mean(axis=0) - 3)
    assert (after < before - 0.3).all()


def test_our_game_learns():
    game = BackendGame(SMALL, OPS)
    check_learns(game, game.train)


@with_installed("torch")
def test_torch_game_learns(library):
    game = game_of(library)
    check_learns(game, game.train)


@with_installed("jax")
@pytest.mark.parametrize("way", ["train", "train_in_scans"])
@pytest.mark.slow
def test_jax_game_learns(library, way):
    game = game_of(library)
    check_learns(game, getattr(game, way))
    assert float(game.state[1]) == STEPS  # it made so many steps


def test_a_game_that_stands_still_is_seen():
    game = BackendGame(SMALL, OPS)
    with pytest.raises(AssertionError):
        check_learns(game, lambda steps: None)


# -- D's gradient ---------------------------------------------------------------------------------

GRADIENTS = [DGradient((3, 16, 16, 1), batch=8, chunk=5, gamma=gamma) for gamma in (0.0, 1.5)]
every_gradient = pytest.mark.parametrize("work", GRADIENTS, ids=["plain", "penalised"])


@every_gradient
def test_our_gradient_of_d_replayed(work):
    ours = BackendDGradient(work, get_backend("cpu"))
    once = ours.gradient()
    run = ours.replayed()
    ours.ops.fill_(ours.flat, np.nan)
    run(3)
    expected = BackendDGradient(work, OPS).gradient()
    np.testing.assert_allclose(once, expected, rtol=1e-4, atol=1e-6)
    assert np.array_equal(ours.parameters(ours.flat), once)


@every_gradient
@with_installed("torch", "jax")
def test_gradients_of_d_agree(library, work):
    ours = BackendDGradient(work, OPS).gradient()
    name = {"torch": TorchDGradient, "jax": JaxDGradient}[library.__name__]
    np.testing.assert_allclose(name(library, work).gradient(), ours, rtol=1e-3, atol=2e-6)


def test_the_penalty_changes_the_gradient():
    plain, penalised = (BackendDGradient(work, OPS).gradient() for work in GRADIENTS)
    assert abs(plain - penalised).max() > 1e-2


def test_penalised_cases_are_measured_if_asked():
    assert not any("R1" in case.name for case in suite_cases("step"))
    names = [case.name for case in suite_cases("step", only="R1+R2 ring")]
    assert names == [
        "R1+R2 ring: D, without", "R1+R2 ring: D", "R1+R2 ring: step, without", "R1+R2 ring: step",
    ]  # fmt: skip
    assert suite_cases("step", only="R1", gpu=True) == []
