"""On a GPU a run waits for its end, everybody computes there, and who cannot says why."""

import contextlib
import gc
import types

import numpy as np
import pytest

from scratchgan.backends import get_backend
from scratchgan.backends.reference import ReferenceBackend
from scratchgan.workshop.bench.cases import BenchCase, Fused, Product, Replayed, suite_cases
from scratchgan.workshop.bench.games import GameSizes
from scratchgan.workshop.bench.operations import OPERATIONS
from scratchgan.workshop.bench.peers import PEERS, load_peers, peer_names, with_jax
from scratchgan.workshop.bench.peers.ours import BackendPeer
from scratchgan.workshop.bench.peers.torch_game import TorchGame, TorchGraphGame
from scratchgan.workshop.bench.peers.torch_gpu import full_precision, require_gpu
from scratchgan.workshop.bench.peers.with_torch import TorchPeer
from tests.workshop.bench.libraries import with_installed

TINY = GameSizes(g=(2, 4, 3), d=(3, 4, 1), batch=4, chunk=1, examples=16)
WORK = {
    "product": BenchCase("gemm", "p", Product(3, 4, 5, trans_b=True)),
    "fused": BenchCase("gemm", "f", Fused(3, 4, 5)),
    "kernel": next(case for case in suite_cases("kernels") if case.name == "multiply"),
    "step": BenchCase("step", "s", TINY),
}


# -- who is measured ----------------------------------------------------------------------------


def test_peers_of_a_gpu():
    assert peer_names("none", gpu=True) == ()
    assert peer_names("installed", gpu=True) == (
        "torch-eager", "torch-graphs", "jax-jit", "jax-scan",
    )  # fmt: skip
    assert "numpy" not in peer_names("all", gpu=True)


def test_graphs_are_for_a_gpu_alone():
    for choice in ("none", "numpy", "installed", "all"):
        assert "torch-graphs" not in peer_names(choice)
    assert peer_names("none") == ()
    assert set(peer_names("all")) | {"torch-graphs"} == set(PEERS)


# -- a run waits --------------------------------------------------------------------------------


class Asynchronous(ReferenceBackend):
    """Counts what was asked for since it was waited for, as if nothing of it were done yet."""

    def __init__(self):
        self.pending, self.waits = 0, 0

    def __getattribute__(self, name):
        if name in ("gemm", "linear", "multiply", "adam_"):
            object.__setattr__(self, "pending", self.pending + 1)
        return object.__getattribute__(self, name)


class Waited(Asynchronous):
    def synchronize(self):
        self.pending, self.waits = 0, self.waits + 1


@pytest.mark.parametrize("kind", WORK)
def test_our_run_ends_when_the_work_is_done(kind):
    ops = Waited()
    (contender,) = BackendPeer(ops, "ours").contenders(WORK[kind])
    run = contender.make()
    ops.waits = 0
    run(3)
    assert ops.pending == 0
    assert ops.waits == 1  # once a run, not once a call: launches follow each other at once
    run(2)
    assert ops.waits == 2


@pytest.mark.parametrize("kind", WORK)
def test_a_run_that_did_not_wait_would_be_seen(kind):
    ops = Asynchronous()
    (contender,) = BackendPeer(ops, "ours").contenders(WORK[kind])
    contender.make()(3)
    assert ops.pending >= 3


EVERY = [*suite_cases("gemm", gpu=True), *suite_cases("kernels", gpu=True)]


@with_installed("torch")
@pytest.mark.parametrize("case", [case for case in EVERY if "square" not in case.name])
def test_torch_computes_on_the_device_and_waits(library, case, monkeypatch):
    """On PyTorch's device without memory, where nothing is computed: one stray array would show."""
    if case.name.startswith("sgd_"):
        pytest.skip("PyTorch's fused SGD does not know that device: its arrays were not checked")
    waits = []
    monkeypatch.setattr(library.cuda, "synchronize", lambda: waits.append(1))
    # Nothing is computed there, so there is nothing to be right.
    monkeypatch.setattr(TorchPeer, "_checked", lambda self, work, inputs, call: call)
    contenders = TorchPeer(library, ["torch-eager"], "meta").contenders(case)
    assert len(contenders) == (0 if isinstance(case.work, Replayed) else 1)
    for contender in contenders:
        contender.make()(3)
    assert len(waits) == len(contenders)


@with_installed("torch")
def test_torch_draws_on_the_device(library):
    drawing = [kernel for kernel in OPERATIONS if not kernel.inputs(np.random.default_rng(0))]
    assert len(drawing) == 4  # uniform and normal, small and large
    for kernel in drawing:
        assert kernel.torch(library, "meta").device.type == "meta"
        assert kernel.torch(library, "cpu").device.type == "cpu"


@with_installed("torch")
def test_torch_on_the_cpu_has_nothing_to_wait_for(library, monkeypatch):
    monkeypatch.setattr(library.cuda, "synchronize", lambda: pytest.fail("it waited"))
    (contender,) = TorchPeer(library, ["torch-eager"]).contenders(WORK["product"])
    contender.make()(3)
    TorchGame(library, TINY).train(2)


# -- replayed work ------------------------------------------------------------------------------


def test_replayed_cases_are_recorded_work_done_again():
    """On the cpu backend, which records as the cuda backend does."""
    ops = get_backend("cpu")
    peer = BackendPeer(ops, "ours")
    work = Product(8, 16, 4, trans_a=True)
    made = peer._product(work, "float32")
    arrays, run = made.arrays, peer._replayed(made, 5, [])
    for steps in (5, 10, 1000 * 5 + 5):  # more than one replay makes at most
        ops.fill_(arrays["c"], 7.0)
        run(steps)
        expected = arrays["a"].T @ arrays["b"]
        np.testing.assert_allclose(arrays["c"], expected, rtol=1e-5, atol=1e-5, equal_nan=False)


def test_a_run_replays_as_often_as_it_is_asked_to(monkeypatch):
    ops, steps = get_backend("cpu"), []
    replay = type(ops).replay

    def counting(self, program, most):
        made = replay(self, program, most)
        run = made.run
        monkeypatch.setattr(made, "run", lambda n, values: (steps.append(n), run(n, values)))
        return made

    monkeypatch.setattr(type(ops), "replay", counting)
    case = BenchCase("gemm", "r", Replayed(Fused(4, 8, 8), calls=5))
    (contender,) = BackendPeer(ops, "ours").contenders(case)
    assert contender.chunk == 5
    contender.make()(5 * 2003)
    assert steps == [1000, 1000, 3]


def test_a_replay_that_does_nothing_is_noticed(monkeypatch):
    ops = get_backend("cpu")
    idle = types.SimpleNamespace(run=lambda n, values: None, take_done=lambda: 1)
    monkeypatch.setattr(type(ops), "replay", lambda self, program, most: idle)
    (contender,) = BackendPeer(ops, "ours").contenders(
        BenchCase("gemm", "r", Replayed(Product(3, 4, 5), calls=2))
    )
    with pytest.raises(ArithmeticError, match="relative error of nan"):
        contender.make()


def test_replayed_work_is_worth_one_call():
    work = Product(100, 1200, 1200)
    case = BenchCase("gemm", "r", Replayed(work))
    assert case.value(2.0) == BenchCase("gemm", "p", work).value(2.0)


def test_who_cannot_record_says_so():
    case = BenchCase("gemm", "r", Replayed(Product(3, 4, 5)))
    (contender,) = BackendPeer(get_backend("reference"), "ours").contenders(case)
    with pytest.raises(AttributeError, match="recording"):
        contender.make()


def test_what_keeps_a_step_from_being_replayed_is_remarked_on(monkeypatch):
    peer = BackendPeer(get_backend("cpu"), "ours")
    (contender,) = peer.contenders(WORK["step"])
    contender.make()
    assert contender.remarks == []

    monkeypatch.setattr("scratchgan.gan.replay.StepRecorder._foreseen", lambda self: "a whim")
    (contender,) = peer.contenders(WORK["step"])
    contender.make()(2)
    assert [line for line in contender.remarks if line.endswith("a whim")] == contender.remarks
    assert contender.remarks


# -- PyTorch on a GPU ---------------------------------------------------------------------------


class FakeCuda:
    """What PyTorch's CUDA graphs are asked for, in the order in which it is asked."""

    def __init__(self, available=True):
        self.log, self.game, self.capturing = [], None, False
        self.is_available = lambda: available
        self.Stream = lambda: types.SimpleNamespace(wait_stream=lambda other: None)
        self.current_stream = lambda: types.SimpleNamespace(wait_stream=lambda other: None)
        self.CUDAGraph = lambda: types.SimpleNamespace(
            register_generator_state=lambda generator: self.log.append(generator),
            replay=lambda: self.log.append("replay"),
        )
        self.synchronize = lambda: self.log.append("wait")

    @contextlib.contextmanager
    def stream(self, stream):
        self.warm = stream
        yield

    @contextlib.contextmanager
    def graph(self, graph, stream, capture_error_mode):
        assert stream is self.warm
        assert not gc.isenabled()  # memory of others that is freed now would spoil the capture
        self.log.append("begin")
        self.capturing = True
        yield
        self.capturing = False
        self.log.append("end")


class FakeTorch:
    """PyTorch as installed, with a GPU that is none."""

    def __init__(self, torch, cuda):
        self._torch, self.cuda = torch, cuda
        self.version = types.SimpleNamespace(cuda="13.0")

    def __getattr__(self, name):
        return getattr(self._torch, name)


@with_installed("torch")
def test_a_step_is_captured_as_a_graph(library, monkeypatch):
    """Warmed up, without gradients, with its noise: as PyTorch asks for a capture."""
    cuda = FakeCuda()
    step = TorchGame.step

    def noted(game):
        if cuda.capturing:
            networks = (game.G, game.D)
            gradients = [p.grad is None for n in networks for p in n.parameters()]
            cuda.log.append(gradients.count(False))
        else:
            cuda.log.append("warm")
        step(game)

    monkeypatch.setattr(TorchGame, "step", noted)
    game = TorchGraphGame(FakeTorch(library, cuda), TINY, device="cpu")
    # The captured step makes its gradients anew (0 are left), so that they lie in its memory.
    assert cuda.log == ["warm"] * 3 + [game.random, "begin", 0, "end"]
    cuda.log.clear()
    game.train(5)
    assert cuda.log == ["replay"] * 5
    assert gc.isenabled()


@with_installed("torch")
def test_replayed_products_are_one_graph(library, monkeypatch):
    cuda = FakeCuda()
    peer = TorchPeer(FakeTorch(library, cuda), ["torch-graphs"], "cpu")
    peer._wait = cuda.synchronize
    case = BenchCase("gemm", "r", Replayed(Product(3, 4, 5), calls=4))
    (contender,) = peer.contenders(case)
    calls, mm = [], library.mm
    monkeypatch.setattr(
        library, "mm", lambda *a, out: (calls.append(cuda.capturing), mm(*a, out=out))[1]
    )
    run = contender.make()
    assert calls == [False] * (1 + 3) + [True] * 4  # looked at, warm, captured
    cuda.log.clear()
    run(contender.chunk * 3)
    assert cuda.log == ["replay"] * 3 + ["wait"]


@with_installed("torch")
def test_torch_without_a_gpu_says_why(library):
    if library.version.cuda is not None:
        pytest.skip("PyTorch is built with CUDA: what it says without was not checked")
    names = ("torch-eager", "torch-graphs")
    loaded, failed = load_peers(names, threads=1, gpu=True)
    assert loaded == []
    assert set(failed) == set(names)
    assert all("is built without CUDA" in why for why in failed.values())
    with pytest.raises(RuntimeError, match="is built without CUDA"):
        TorchGraphGame(library, TINY)
    with pytest.raises(RuntimeError, match="finds no GPU; is the driver new enough"):
        require_gpu(FakeTorch(library, FakeCuda(available=False)))
    require_gpu(FakeTorch(library, FakeCuda()))


@with_installed("torch")
def test_no_tf32(library):
    before = library.get_float32_matmul_precision()
    try:
        library.set_float32_matmul_precision("high")
        assert library.backends.cuda.matmul.allow_tf32
        full_precision(library)
        assert not library.backends.cuda.matmul.allow_tf32
        assert not library.backends.cudnn.allow_tf32
        assert library.get_float32_matmul_precision() == "highest"
    finally:
        library.set_float32_matmul_precision(before)


@with_installed("torch")
def test_adam_counts_on_the_gpu(library, monkeypatch):
    """A graph cannot read a count that lies on the host."""
    monkeypatch.setattr(library, "Generator", lambda device: library.default_generator)
    on_gpu = TorchGame(library, TINY, device="meta")
    for game, expected in ((on_gpu, True), (TorchGame(library, TINY), False)):
        for adam in (game.adam_d, game.adam_g):
            assert adam.defaults["capturable"] is expected
            assert adam.defaults["fused"] is True
    assert on_gpu.x.device.type == "meta"
    assert all(p.device.type == "meta" for n in (on_gpu.G, on_gpu.D) for p in n.parameters())


# -- JAX on a GPU -------------------------------------------------------------------------------


@with_installed("jax")
def test_jax_without_a_gpu_says_why(library):
    if library.default_backend() != "cpu":
        pytest.skip("JAX has a GPU here: what it says without was not checked")
    before = library.config.jax_default_matmul_precision
    loaded, failed = load_peers(("jax-jit", "jax-scan"), threads=1, gpu=True)
    assert loaded == []
    assert set(failed) == {"jax-jit", "jax-scan"}
    assert all("finds no GPU, only: cpu" in why for why in failed.values())
    assert library.config.jax_default_matmul_precision == before


def test_jax_on_a_gpu_keeps_float32(monkeypatch):
    settings = {}

    def fake(backend):
        def default_backend():
            if isinstance(backend, Exception):
                raise backend
            return backend

        config = types.SimpleNamespace(update=settings.__setitem__)
        return types.SimpleNamespace(
            __version__="0", default_backend=default_backend, config=config
        )

    def load(backend):
        monkeypatch.setattr(with_jax.importlib, "import_module", lambda name: fake(backend))
        return with_jax.load(("jax-jit",), 1, gpu=True)

    load("gpu")
    assert settings == {"jax_default_matmul_precision": "highest"}
    with pytest.raises(RuntimeError, match="only: cpu; pip install"):
        load("cpu")
    with pytest.raises(RuntimeError, match="Unable to initialize backend 'cuda'"):
        load(RuntimeError("Unable to initialize backend 'cuda': no\nand more"))


# -- the cases of a GPU -------------------------------------------------------------------------


def test_cases_of_a_gpu():
    cases = suite_cases("gemm", gpu=True)
    names = [case.name for case in cases if case.dtype == "float32"]
    assert len(names) == len(set(names))
    assert names[0] == "square 4096"
    assert {f"square {n}" for n in (256, 512, 1024, 2048)} < set(names)
    assert "square 4096" not in [case.name for case in suite_cases("gemm")]
    called = {name for name in names if name.startswith(("gan", "fused"))}
    assert len(called) == 20
    replayed = {case.name: case.work for case in cases if isinstance(case.work, Replayed)}
    assert set(replayed) == {f"replayed {name}" for name in called}
    by_name = {case.name: case.work for case in cases if case.dtype == "float32"}
    assert all(work.work == by_name[name[9:]] for name, work in replayed.items())
    assert not any(isinstance(case.work, Replayed) for case in suite_cases("gemm"))


def test_steps_of_a_gpu_are_the_same_games():
    ours = {case.name: case.work for case in suite_cases("step")}
    theirs = {case.name: case.work for case in suite_cases("step", gpu=True)}
    assert list(theirs) == ["mnist", "ring", "toy"]
    for name, game in theirs.items():
        assert (game.g, game.d, game.batch) == (ours[name].g, ours[name].d, ours[name].batch)
        assert game.chunk == 100
    assert [case.name for case in suite_cases("kernels", gpu=True)] == [k.name for k in OPERATIONS]


@pytest.mark.parametrize("suite", ["gemm", "step"])
def test_inputs_are_random(suite):
    """Products of zeros are faster on a GPU than others: its clock rises."""
    for case in suite_cases(suite, gpu=True, quick=True):
        work = case.work.work if isinstance(case.work, Replayed) else case.work
        arrays = [work.data()] if isinstance(work, GameSizes) else work.inputs("float32")
        assert all(np.unique(a).size > 0.9 * a.size for a in arrays)
