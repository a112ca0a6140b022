"""A recorded step's layout in memory, its listing, and what it refuses."""

import gc
import math
import re
import threading
import weakref

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from scratchgan.backends import Stream, get_backend
from scratchgan.backends.program import Program, Recorder, address
from scratchgan.errors import NotRecordableError

ops = get_backend("cpu")  # the tests of cuda put their own backend here


class Recorded:
    """A step as it was run: the program, and what its recorder had seen before it was made."""

    def __init__(self, step, buffers, make=Program):
        recorder = Recorder(buffers)
        with ops.recording(recorder):
            self.kept = list(step())
        self.buffers = buffers
        self.rows = list(recorder.rows)
        self.temporaries = list(recorder.temporaries)
        self.program = make(recorder, self.kept)


def faults(recorded, operands=None):
    """
    Say what is wrong with a program's layout, from the arrays of its rows alone.

    Each operand lies in the arena or in a buffer; all uses of a temporary find it at one
    place; no two temporaries that live at the same time, from the first row that has one to
    the last, a kept one for ever, share a byte.
    """
    program, found = recorded.program, []
    arena = (address(program.arena), address(program.arena) + program.arena.nbytes)
    known = [(address(a), address(a) + a.nbytes) for a in recorded.buffers.values()]
    place, first, last = {}, {}, {}

    def used(a, at, r):
        if any(low <= address(a) and address(a) + a.nbytes <= high for low, high in known):
            if at != address(a):
                found.append(f"row {r}: a buffer's part is not where it was")
            return
        if not (arena[0] <= at and at + a.nbytes <= arena[1]):
            found.append(f"row {r}: {a.shape} is neither in the arena nor in a buffer")
        for n, t in enumerate(recorded.temporaries):
            if address(t) <= address(a) < address(t) + t.nbytes:
                begin = at - (address(a) - address(t))
                if place.setdefault(n, begin) != begin:
                    found.append(f"row {r}: temporary {n} has moved")
                first.setdefault(n, r)
                last[n] = r

    for r, (row, listed) in enumerate(
        zip(recorded.rows, operands or program.operands, strict=True)
    ):
        for arrays, wheres in zip((row.reads, row.writes), listed, strict=True):
            for a, where in zip(arrays, wheres, strict=True):
                assert (a is None) == (where is None)
                if a is not None:
                    assert (where.shape, where.dtype) == (a.shape, a.dtype)
                    used(a, where.address, r)
    for a, moved in zip(recorded.kept, program.kept, strict=True):
        used(a, address(moved), math.inf)
    for n in place:
        for m in place:
            both_live = first[n] <= last[m] and first[m] <= last[n]
            n_end = place[n] + recorded.temporaries[n].nbytes
            m_end = place[m] + recorded.temporaries[m].nbytes
            if n < m and both_live and place[m] < n_end and place[n] < m_end:
                found.append(f"temporaries {n} and {m} overlap")
    return found


# -- random steps -------------------------------------------------------------------------------

KINDS = [
    "add", "scale", "multiply", "activation", "linear", "gemm", "concat_columns", "columns",
    "maxout", "dropout", "normal", "gather_rows", "log_sigmoid_mean", "sum_rows", "update", "zeros",
    "softmax_cross_entropy",
]  # fmt: skip
CHOICES = st.lists(
    st.tuples(st.sampled_from(KINDS), *[st.integers(0, 10**6)] * 2), min_size=1, max_size=14
)
ROWS, WIDTH = 6, 5


def buffers():
    rng = np.random.default_rng(0)
    drawn = {
        "x": rng.random((23, WIDTH)),
        "order": rng.permutation(23).astype(np.int32),
        "w": rng.normal(size=(WIDTH, 7)),
        "b": rng.normal(size=7),
        "p": rng.normal(size=50),
        "average": rng.normal(size=50),
    }
    return {name: ops.asarray(a) for name, a in drawn.items()}


def random_step(choices, held, i):
    """A step that follows from the choices; i is its number. Returns all that it computed last."""
    pool = [ops.gather_rows(held["x"], held["order"], 0, ROWS)]
    looked = []
    for n, (kind, one, other) in enumerate(choices):
        a, b = pool[one % len(pool)], pool[other % len(pool)]
        stream = Stream(7, i).at(n)
        if kind in ("add", "multiply"):
            pool.append(getattr(ops, kind)(a, a if a.shape != b.shape else b))
        elif kind == "scale":
            pool.append(ops.scale(a, 0.5))
        elif kind == "activation":
            pool.append(ops.activation(a, "tanh"))
        elif kind == "linear":
            first = ops.columns(a, 0, min(a.shape[1], WIDTH))
            weight = ops.view(held["p"], 0, (first.shape[1], 7))
            pool.append(ops.linear(first, weight, held["b"], "leaky_relu", 0.1))
        elif kind == "gemm":
            trans = {"trans_b": True} if a.shape[1] == b.shape[1] else {"trans_a": True}
            square = ops.gemm(a, b, **trans)
            looked.append(square)
        elif kind == "concat_columns":
            pool.append(ops.concat_columns(a, b))
        elif kind == "columns":
            pool.append(ops.columns(a, other % a.shape[1], a.shape[1]))
        elif kind == "maxout":
            y, index = ops.maxout(a, a.shape[1])
            pool.append(ops.maxout_spread(y, index, a.shape[1]))
        elif kind == "dropout":
            pool.append(ops.dropout(a, 0.6, stream))
        elif kind == "normal":
            pool.append(ops.normal((ROWS, 1 + one % 9), stream, 0.0, 1.0, np.float64))
        elif kind == "gather_rows":
            pool.append(ops.gather_rows(held["x"], held["order"], 0, ROWS))
        elif kind == "log_sigmoid_mean":
            value, gradient = ops.log_sigmoid_mean(a, -1.0)
            looked.append(value)
            pool.append(gradient)
        elif kind == "softmax_cross_entropy":
            value, gradient = ops.softmax_cross_entropy(a, a if a.shape != b.shape else b)
            looked.append(value)
            pool.append(gradient)
        elif kind == "sum_rows":
            sums = ops.zeros((a.shape[1],), np.float64)
            looked.append(ops.sum_rows(a, out=sums, accumulate=True))
        elif kind == "update":
            ops.ema_(held["average"], held["p"], 0.9)
        else:
            pool.append(ops.zeros((ROWS, WIDTH), np.float64))
    return [pool[-1], *looked[:2]]


@given(CHOICES)
def test_random_steps(choices):
    program = check_step(choices)
    assert address(program.arena) % 64 == 0


def check_step(choices):
    """No fault in the layout; replayed three times, the bits of the steps run by themselves."""
    held, again = buffers(), buffers()
    recorded = Recorded(lambda: random_step(choices, held, 0), held)
    assert faults(recorded) == []
    program = recorded.program
    steps = np.arange(1, 4)
    known = {"step": steps, "start": np.zeros(3, int)}
    ops.replay(program, 8).run(3, [known[varying.name] for varying in program.varying])
    for i in range(4):
        expected = random_step(choices, again, i)
    assert [bits(a) for a in program.kept] == [bits(a) for a in expected]
    assert all(bits(held[name]) == bits(again[name]) for name in held)
    return program


def bits(a):
    return ops.to_numpy(a).tobytes()


# -- the checker can fail -----------------------------------------------------------------------


def chain():
    """Five temporaries, of which the first is used at the end again, and one kept."""
    held = {"x": ops.asarray(np.arange(12.0).reshape(3, 4))}

    def step():
        a = ops.scale(held["x"], 2.0)
        b = ops.scale(a, 3.0)
        c = ops.add(b, b)
        kept = ops.sum_rows(c)
        d = ops.scale(c, 5.0)
        e = ops.add(d, a)
        ops.copy_(held["x"], e)
        return [kept]

    return step, held


def test_layout_of_a_chain():
    recorded = Recorded(*chain())
    assert faults(recorded) == []
    # Cache lines: five temporaries of two, one of one. At most three and the one live at once.
    assert recorded.program.temporary_bytes == 5 * 96 + 32
    assert 64 * (3 * 2 + 1) <= recorded.program.arena.nbytes < 64 * (5 * 2 + 1)


@pytest.mark.parametrize("by", [-64, 64, 8, -(10**6), 10**6])
def test_a_moved_operand_is_noticed(by):
    recorded = Recorded(*chain())
    for r, (reads, writes) in enumerate(recorded.program.operands):
        if r == len(recorded.rows) - 1:
            continue
        wrong = list(recorded.program.operands)
        moved = writes[0]._replace(address=writes[0].address + by)
        wrong[r] = (reads, (moved, *writes[1:]))
        assert faults(recorded, wrong) != []


class ForgetsReads(Program):
    """Temporaries die where they are last written."""

    def _place(self, recorder, keep):
        rows = self.rows
        self.rows = [row._replace(reads=row.reads if r == 0 else ()) for r, row in enumerate(rows)]
        try:
            return super()._place(recorder, keep)
        finally:
            self.rows = rows


class OneRowShort(Program):
    """The last use of each temporary is overlooked."""

    def _place(self, recorder, keep):
        rows, seen = self.rows, set()
        shortened = []
        for row in reversed(rows):
            new = {id(a) for a in row.reads} - seen
            seen |= new
            shortened.append(row._replace(reads=tuple(a for a in row.reads if id(a) not in new)))
        self.rows = shortened[::-1]
        try:
            return super()._place(recorder, keep)
        finally:
            self.rows = rows


class ForgetsResults(Program):
    def _place(self, recorder, keep):
        return super()._place(recorder, ())


@pytest.mark.parametrize("make", [ForgetsReads, OneRowShort, ForgetsResults])
def test_a_lifetime_too_short_is_noticed(make):
    assert faults(Recorded(*chain(), make=make)) != []


def test_their_memory_is_given_back():
    """The arrays of the recorded step are not needed any more once they have places."""
    held = {"x": np.ones((300, 4))}
    gone = []

    class Watched(Recorder):
        def allocated(self, a):
            gone.append(weakref.ref(a))
            super().allocated(a)

    recorder = Watched(held)
    with ops.recording(recorder):
        kept = ops.scale(ops.add(held["x"], held["x"]), 2.0)
    program = Program(recorder, [kept])
    del recorder, kept
    gc.collect()
    assert [ref() is None for ref in gone] == [True] * 2
    assert str(program)  # the listing does not need them either
    assert program.flops(0) == 1200
    assert program.bytes(0) == 3 * 9600


# -- in part ------------------------------------------------------------------------------------


@given(CHOICES)
@settings(max_examples=20)
def test_the_first_rows_alone(choices):
    check_parts(choices)


def check_parts(choices):
    """Whatever is behind a row, it has written what it wrote when it was recorded."""
    written = []

    class Looks(Recorder):
        def add(self, row):
            super().add(row)
            refuse, self.refuse = self.refuse, lambda what: None
            written.append([bits(a) for a in row.writes])
            self.refuse = refuse

    held, again = buffers(), buffers()
    recorder = Looks(again)
    with ops.recording(recorder):
        random_step(choices, again, 0)
    program = Recorded(lambda: random_step(choices, held, 0), held).program
    for r in range(len(program.rows)):
        for name, a in buffers().items():
            if name != "order":
                ops.copy_(held[name], a)
        part = program.first(r + 1)
        assert len(part.rows) == len(part.operands) == r + 1
        assert part.varying == [v for v in program.varying if v.row <= r]
        ops.replay(part, 1).run(1, [np.array([v.value]) for v in part.varying])
        assert [bits(a) for a in program.written(r)] == written[r]
    assert len(program.rows) == len(written)  # it is as it was


# -- the listing --------------------------------------------------------------------------------


def small():
    rng = np.random.default_rng(0)
    held = {
        "data.x": rng.random((11, 3), np.float32),
        "data.orders": np.arange(22, dtype=np.int32),
        "D": rng.random(32, np.float32),
        "grad D": np.zeros(32, np.float32),
        "m D": np.zeros(32, np.float32),
        "v D": np.zeros(32, np.float32),
    }
    parts = {name: {0: "0.weight", 16: "0.bias"} for name in ("D", "grad D")}
    recorder = Recorder(held, parts)
    with ops.recording(recorder):
        x = ops.gather_rows(held["data.x"], held["data.orders"], 4, 5)
        weight, bias = ops.view(held["D"], 0, (3, 4)), ops.view(held["D"], 16, (4,))
        y = ops.linear(x, weight, bias, "tanh")
        da = ops.activation_grad_bias(y, y, "tanh", 0.0, ops.view(held["grad D"], 16, (4,)))
        into = ops.view(held["grad D"], 0, (3, 4))
        ops.gemm(x, da, trans_a=True, out=into, accumulate=True)
        ops.adam_(
            held["D"], held["grad D"], held["m D"], held["v D"],
            rate=0.1, t=1, beta1=0.5, beta2=0.9, eps=1e-8,
        )  # fmt: skip
    return Program(recorder, [y])


def test_listing():
    """Each row says what is done, on which parts, their shapes, and what it costs."""
    program = small()
    lines = str(program).splitlines()
    assert re.search(r"operation +FLOPs +bytes +reads → writes", lines[0])
    patterns = [
        r"0  gather_rows +0 +120  data\.x 11×3, data\.orders 22 → @\d+ 5×3  \[start\]$",
        r"1  \w+ ab tanh +120 +204  @\d+ 5×3, D\.0\.weight 3×4, D\.0\.bias 4 → @\d+ 5×4$",
        r"2  activation_grad_bias +60 +256  .* → @\d+ 5×4, grad D\.0\.bias 4$",
        r"3  \w+ aᵀb \+= +120 +188  @\d+ 5×3, @\d+ 5×4 → grad D\.0\.weight 3×4$",
        r"4  adam +384 +512  grad D 32 → D 32, m D 32, v D 32  \[t, rate\]$",
    ]
    for line, pattern in zip(lines[1:-1], patterns, strict=True):
        assert re.search(pattern, line), line
    assert lines[-1].startswith("5 operations, 684 FLOPs, 1.28k bytes; temporaries of 220 bytes")
    assert [(v.name, v.row, v.value) for v in program.varying] == [
        ("start", 0, 4), ("t", 4, 1), ("rate", 4, 0.1),
    ]  # fmt: skip


@pytest.mark.parametrize(("m", "n", "k"), [(5, 1, 3), (7, 70, 33), (1, 64, 1), (33, 3, 16)])
@pytest.mark.parametrize("trans", ["", "a", "b"])
def test_flops_of_a_product(m, n, k, trans):
    """2mnk, one product and one sum for each, whichever kernel does it."""
    held = {
        "a": np.ones((k, m) if trans == "a" else (m, k)),
        "b": np.ones((n, k) if trans == "b" else (k, n)),
    }
    recorded = Recorded(
        lambda: [ops.gemm(held["a"], held["b"], trans_a=trans == "a", trans_b=trans == "b")], held
    )
    (row,) = recorded.rows
    assert row.kernel.name in ("gemm", "narrow")
    assert recorded.program.flops(0) == 2 * m * n * k
    assert recorded.program.bytes(0) == 8 * (m * k + k * n + m * n)


# -- refusals -----------------------------------------------------------------------------------


def refused(step, held=None, match=""):
    with pytest.raises(NotRecordableError, match=match):
        Recorded(step, held or {})


X = np.ones((4, 3))


def test_the_first_reason_is_the_one_that_is_given():
    """What is refused later is often its consequence."""
    recorder = Recorder({})
    recorder.refuse("the first")
    recorder.refuse("the second")
    with pytest.raises(NotRecordableError, match="^the first$"):
        Program(recorder)


def test_refuses_an_unknown_array():
    refused(lambda: [ops.add(X, X)], match=r"add uses an array of shape \(4, 3\) that no operation")


def test_refuses_what_numpy_computed_from_a_temporary():
    held = {"x": X}
    refused(
        lambda: [ops.scale(ops.scale(held["x"], 2.0) + 1.0, 3.0)],
        held,
        r"scale .*\(4, 3\).*outside",
    )


def test_refuses_what_is_read_before_it_is_written():
    refused(
        lambda: [ops.scale(ops.empty((4, 3), np.float64), 2.0)],
        match=r"scale reads an array of shape \(4, 3\) before any operation of the step writes it",
    )


@pytest.mark.parametrize(("start", "stop"), [(10, 30), (0, 12), (21, 41)])
def test_refuses_what_is_not_wholly_inside_a_buffer(start, stop):
    memory = np.ones(50)
    known, piece = memory[1:40], memory[start:stop]
    if start >= 1 and stop <= 40:
        assert faults(Recorded(lambda: [ops.scale(piece, 2.0)], {"known": known})) == []
        return
    refused(lambda: [ops.scale(piece, 2.0)], {"known": known}, rf"scale .* \({stop - start},\)")


def test_refuses_a_result_that_no_operation_wrote():
    held = {"x": X.copy()}

    def step():
        ops.scale(held["x"], 2.0)
        return [np.zeros(3)]

    refused(step, held, r"the step's result .* \(3,\)")


def test_refuses_a_result_that_was_never_written():
    """It has no place in the arena, so nothing can be shown there."""
    held = {"x": X.copy()}

    def step():
        ops.scale(held["x"], 2.0)
        return [ops.empty((2, 2), np.float64)]

    refused(step, held, "result")


def test_a_result_in_a_buffer_is_that_buffer():
    """Or it is refused; in no case some place in the arena."""
    held = {"x": X.copy(), "y": np.zeros((4, 3))}

    def step():
        ops.copy_(held["y"], ops.scale(held["x"], 2.0))
        return [held["y"]]

    try:
        program = Recorded(step, held).program
    except NotRecordableError as error:
        assert "result" in str(error)  # noqa: PT017, as either is right
        return
    (kept,) = program.kept
    assert address(kept) == address(held["y"])


@pytest.mark.parametrize(
    ("step", "match"),
    [
        (lambda x: ops.to_numpy(x), r"the host reads values of an array .*\(to_numpy\)"),
        (lambda x: ops.fill_(ops.empty((3,), np.int32), 1), "fill_ of an array of int32"),
        (
            lambda x: ops.copy_(np.zeros(3, np.int32), np.ones(3, np.int32)),
            "copy_ of an array of int32",
        ),
    ],
)
def test_refuses_while_recording(step, match):
    x = np.ones((3, 3))
    refused(lambda: [step(x)], {"x": x}, match)
    step(x)  # and does it as ever when nobody takes notes


def test_an_error_ends_the_recording():
    recorder = Recorder({"x": X})
    with pytest.raises(ZeroDivisionError), ops.recording(recorder):
        ops.scale(X, 1 / 0)
    ops.scale(X, 2.0)
    assert recorder.rows == []


def test_another_thread_is_not_recorded():
    recorder = Recorder({"x": X})
    with ops.recording(recorder):
        other = threading.Thread(target=lambda: ops.to_numpy(ops.scale(X, 3.0)))
        other.start()
        other.join()
        ops.scale(X, 2.0)
    assert len(recorder.rows) == len(recorder.temporaries) == 1
