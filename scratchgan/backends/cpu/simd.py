"""
Code in vector instructions: a register tile of C = A · B, dot products, a transpose.

Numba compiles loops, and LLVM vectorises the simple ones. It does not vectorise a matrix
product well: a block of C must stay in registers while A and B are read. So this file
writes the instructions one by one, through llvmlite: an ``@intrinsic`` is a function whose
body is LLVM code. All addresses are integers and all strides are in bytes.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from scratchgan.backends.activations import code_of
from scratchgan.backends.cpu.isa import InstructionSet, host

__all__ = ["ISA", "RELU", "SLOPED", "dots", "lanes_of", "size_of", "tile", "transpose"]

ISA = host()

FEW = 2  # if C has no more rows, the tile has this many
SLOPED, RELU = code_of("leaky_relu"), code_of("relu")  # the φ that a tile can apply at its end

I64, I32, I1 = ir.IntType(64), ir.IntType(32), ir.IntType(1)


def i64(value: int) -> ir.Constant:
    """Return a constant for addresses and counts."""
    return ir.Constant(I64, value)


class Vectors:
    """Writes vector instructions for one dtype and one instruction set into ``builder``."""

    def __init__(self, builder: Any, real: Any, isa: InstructionSet) -> None:
        self.builder = builder
        self.fma = isa.fma
        self.size = real.bitwidth // 8
        self.lanes = isa.lanes(self.size)
        self.scalar = ir.FloatType() if self.size == 4 else ir.DoubleType()
        self.type = ir.VectorType(self.scalar, self.lanes)
        self.zero = ir.Constant(self.type, [0.0] * self.lanes)
        self.suffix = f"v{self.lanes}f{8 * self.size}"
        self.mask = ir.VectorType(I1, self.lanes)

    def _call(self, name: str, result: Any, *arguments: Any) -> Any:
        kind = ir.FunctionType(result, [a.type for a in arguments])
        function = cgutils.get_or_insert_function(
            self.builder.module, kind, f"llvm.{name}.{self.suffix}"
        )
        return self.builder.call(function, arguments)

    def pointer(self, address: Any, vectors: int = 0) -> Any:
        """Return the pointer ``vectors`` vectors after an address."""
        offset = i64(vectors * self.lanes * self.size)
        return self.builder.inttoptr(self.builder.add(address, offset), self.type.as_pointer())

    def load(self, address: Any, vectors: int = 0) -> Any:
        """Read a vector; it need not be aligned."""
        return self.builder.load(self.pointer(address, vectors), align=self.size)

    def store(self, value: Any, address: Any, vectors: int = 0) -> None:
        """Write a vector; it need not be aligned."""
        self.builder.store(value, self.pointer(address, vectors), align=self.size)

    def masked_load(self, address: Any, vectors: int, mask: Any) -> Any:
        """Read the lanes of the mask, and no memory besides, such as a page after the array."""
        align = ir.Constant(I32, self.size)
        return self._call(
            "masked.load", self.type, self.pointer(address, vectors), align, mask, self.zero
        )

    def masked_store(self, value: Any, address: Any, vectors: int, mask: Any) -> None:
        """Write the lanes of the mask."""
        align = ir.Constant(I32, self.size)
        self._call(
            "masked.store", ir.VoidType(), value, self.pointer(address, vectors), align, mask
        )

    def splat(self, number: Any, kind: Any = None) -> Any:
        """Return a vector with one number in every lane."""
        kind = kind or self.type
        first = self.builder.insert_element(
            ir.Constant(kind, ir.Undefined), number, ir.Constant(I32, 0)
        )
        lanes = ir.Constant(ir.VectorType(I32, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), lanes)

    def broadcast(self, address: Any) -> Any:
        """Read one number into every lane."""
        place = self.builder.inttoptr(address, self.scalar.as_pointer())
        return self.splat(self.builder.load(place, align=self.size))

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        """Return a · b + c, in one instruction if the processor has it."""
        if self.fma:
            return self._call("fma", self.type, a, b, c)
        return self.builder.fadd(self.builder.fmul(a, b), c)

    def first_lanes(self, count: Any) -> Any:
        """Return the mask of the first ``count`` lanes."""
        kind = ir.VectorType(I64, self.lanes)
        lane = ir.Constant(kind, list(range(self.lanes)))
        return self.builder.icmp_signed("<", lane, self.splat(count, kind))

    def interleave(self, a: Any, b: Any) -> tuple[Any, Any]:
        """Return a₀ b₀ a₁ b₁ … as two vectors."""
        n = self.lanes
        kind = ir.VectorType(I32, n)
        halves = []
        for start in (0, n // 2):
            order = [x for i in range(start, start + n // 2) for x in (i, n + i)]
            halves.append(self.builder.shuffle_vector(a, b, ir.Constant(kind, order)))
        return halves[0], halves[1]


@intrinsic
def tile(
    typing: Any,
    vectors: Any,  # width of the tile, in vectors of columns
    a: Any,  # address of op(A)'s element (0, 0) of the tile's rows
    a_row: Any,  # strides of op(A); a transpose only exchanges the two
    a_k: Any,
    b: Any,  # address of B's first row; rows of B are contiguous, and full vectors may be read
    b_k: Any,
    c: Any,  # address of C's tile
    c_row: Any,
    k: Any,  # length of the sum, at least 1
    rows: Any,  # rows and columns of C that exist: 1 … the tile's size
    columns: Any,
    add: Any,  # whether to add to the values in C
    bias: Any,  # address of a row to add, or 0
    epilogue: Any,  # 0, SLOPED or RELU
    slope: Any,  # for SLOPED; of dtype real
    real: Any,
) -> Any:
    """
    Compute a tile of C = A · B in registers: one row of B and one column of A at a time.

    Each element of C is one sum over k in order, so the result does not depend on the
    tile's place or on the thread. If C has fewer rows than the tile, the extra rows repeat
    the last one and are not stored; extra columns are masked.
    """
    number = real.dtype
    signature = types.void(*[types.intp] * 11, types.boolean, types.intp, types.intp, number, real)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        width = arguments[0]
        end = builder.append_basic_block("tile.end")
        narrowest = min(ISA.tiles)
        blocks = {v: builder.append_basic_block(f"tile.{v}") for v in ISA.tiles}
        few = builder.icmp_signed("<=", arguments[9], i64(FEW))
        switch = builder.switch(width, blocks[narrowest])
        for v, block in blocks.items():
            switch.add_case(i64(v), block)
            builder.position_at_end(block)
            with builder.if_else(few) as (then, otherwise):
                with then:  # the other rows of a full tile would be wasted work
                    _tile(Vectors(builder, number, ISA), FEW, v, *arguments[1:-1])
                with otherwise:
                    _tile(Vectors(builder, number, ISA), ISA.tiles[v], v, *arguments[1:-1])
            builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    return signature, codegen


def _tile(
    on: Vectors, height: int, width: int,
    a: Any, a_row: Any, a_k: Any, b: Any, b_k: Any, c: Any, c_row: Any,
    k: Any, rows: Any, columns: Any, add: Any, bias: Any, epilogue: Any, slope: Any,
) -> None:  # fmt: skip
    builder = on.builder
    last = builder.sub(rows, i64(1))
    exists = [builder.icmp_signed("<", i64(i), rows) for i in range(height)]
    row = [builder.select(exists[i], i64(i), last) for i in range(height)]
    sums = _sums(on, a, [builder.mul(r, a_row) for r in row], a_k, b, b_k, k, width)
    c_rows = [builder.add(c, builder.mul(r, c_row)) for r in row]
    whole = builder.icmp_signed(">=", columns, i64(width * on.lanes))
    masks = [
        on.first_lanes(builder.sub(columns, i64(v * on.lanes))) if v == width - 1 else None
        for v in range(width)
    ]
    with builder.if_else(whole) as (then, otherwise):
        with then:
            _finish(on, sums, c_rows, exists, [None] * width, add, bias, epilogue, slope)
        with otherwise:
            _finish(on, sums, c_rows, exists, masks, add, bias, epilogue, slope)


def _sums(
    on: Vectors, a: Any, a_rows: list[Any], a_k: Any, b: Any, b_k: Any, k: Any, width: int
) -> list[list[Any]]:
    """
    Write the loop over k; its accumulators are phi nodes, so they live in registers.

    Only one address moves along A, and each row has a fixed offset from it. There are too few
    integer registers for a moving address for each row.
    """
    builder = on.builder
    before = builder.block
    loop = builder.append_basic_block("k.loop")
    after = builder.append_basic_block("k.end")
    builder.branch(loop)
    builder.position_at_end(loop)

    def carried(kind: Any, start: Any) -> Any:
        phi = builder.phi(kind)
        phi.add_incoming(start, before)
        return phi

    count = carried(I64, i64(0))
    b_at = carried(I64, b)
    a_at = carried(I64, a)
    sums = [[carried(on.type, on.zero) for _ in range(width)] for _ in a_rows]

    b_row = [on.load(b_at, v) for v in range(width)]
    new = []
    for distance, row in zip(a_rows, sums, strict=True):
        number = on.broadcast(builder.add(a_at, distance))
        new.append([on.multiply_add(number, b_row[v], row[v]) for v in range(width)])

    a_at.add_incoming(builder.add(a_at, a_k), loop)
    b_at.add_incoming(builder.add(b_at, b_k), loop)
    for row, new_row in zip(sums, new, strict=True):
        for phi, value in zip(row, new_row, strict=True):
            phi.add_incoming(value, loop)
    following = builder.add(count, i64(1))
    count.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", following, k), loop, after)
    builder.position_at_end(after)
    return new


def _finish(
    on: Vectors, sums: list[list[Any]], c_rows: list[Any], exists: list[Any], masks: list[Any],
    add: Any, bias: Any, epilogue: Any, slope: Any,
) -> None:  # fmt: skip
    """Add the values in C and the bias, apply the activation, store."""
    builder = on.builder
    has_bias = builder.icmp_signed("!=", bias, i64(0))
    is_plain = builder.icmp_signed("==", epilogue, i64(0))
    is_relu = builder.icmp_signed("==", epilogue, i64(RELU))
    slopes = on.splat(slope)

    def load(address: Any, v: int) -> Any:
        if masks[v] is None:
            return on.load(address, v)
        return on.masked_load(address, v, masks[v])

    def plus(values: list[Any], wanted: Any, address: Any) -> list[Any]:
        """Add a row of memory where ``wanted``."""
        before = builder.block
        with builder.if_then(wanted):
            added = [builder.fadd(x, load(address, v)) for v, x in enumerate(values)]
            inside = builder.block
        result = []
        for x, y in zip(values, added, strict=True):
            phi = builder.phi(on.type)
            phi.add_incoming(x, before)
            phi.add_incoming(y, inside)
            result.append(phi)
        return result

    def store(x: Any, address: Any, v: int) -> None:
        if masks[v] is None:
            on.store(x, address, v)
        else:
            on.masked_store(x, address, v, masks[v])

    def bent(x: Any) -> Any:
        """Relu or leaky_relu, by ``epilogue``; NaN stays NaN."""
        positive = builder.fcmp_ordered(">", x, on.zero)
        is_nan = builder.fcmp_unordered("uno", x, x)
        relu = builder.select(is_nan, x, on.zero)
        return builder.select(positive, x, builder.select(is_relu, relu, builder.fmul(slopes, x)))

    for i, row in enumerate(sums):
        with builder.if_then(exists[i]):
            values = plus(plus(row, add, c_rows[i]), has_bias, bias)
            with builder.if_else(is_plain) as (then, otherwise):
                with then:
                    for v, x in enumerate(values):
                        store(x, c_rows[i], v)
                with otherwise:
                    for v, x in enumerate(values):
                        store(bent(x), c_rows[i], v)


@intrinsic
def dots(typing: Any, a: Any, a_row: Any, b: Any, k: Any, rows: Any, target: Any, real: Any) -> Any:
    """
    Write the dot products of some rows of A with one vector b, both contiguous along k.

    A vector's width of rows is summed side by side; each row has one accumulator. At the end
    the lanes of each accumulator are added: interleaving two vectors and adding the halves
    leaves half as many vectors, which have the sums of both. ``target`` takes a whole vector;
    if there are fewer rows, the last one is repeated.
    """
    number = real.dtype
    signature = types.void(*[types.intp] * 6, real)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, a_row, b, k, rows, target, _ = arguments
        on = Vectors(builder, number, ISA)
        last = builder.sub(rows, i64(1))
        starts = []
        for i in range(on.lanes):
            r = builder.select(builder.icmp_signed("<", i64(i), rows), i64(i), last)
            starts.append(builder.add(a, builder.mul(r, a_row)))
        rest = builder.and_(k, i64(on.lanes - 1))
        whole = builder.sub(k, rest)
        sums = _dots_of_whole_vectors(on, starts, b, whole)
        before = builder.block
        with builder.if_then(builder.icmp_signed(">", rest, i64(0))):
            mask = on.first_lanes(rest)
            offset = builder.mul(whole, i64(on.size))
            b_rest = on.masked_load(builder.add(b, offset), 0, mask)
            added = [
                on.multiply_add(on.masked_load(builder.add(at, offset), 0, mask), b_rest, x)
                for at, x in zip(starts, sums, strict=True)
            ]
            inside = builder.block
        block = []
        for x, y in zip(sums, added, strict=True):
            phi = builder.phi(on.type)
            phi.add_incoming(x, before)
            phi.add_incoming(y, inside)
            block.append(phi)
        while len(block) > 1:
            half = len(block) // 2
            pairs = [on.interleave(block[i], block[half + i]) for i in range(half)]
            block = [builder.fadd(low, high) for low, high in pairs]
        on.store(block[0], target)
        return context.get_dummy_value()

    return signature, codegen


def _dots_of_whole_vectors(on: Vectors, starts: list[Any], b: Any, whole: Any) -> list[Any]:
    builder = on.builder
    before = builder.block
    head, body, after = (builder.append_basic_block(f"dots.{x}") for x in ("head", "body", "end"))
    builder.branch(head)
    builder.position_at_end(head)
    count = builder.phi(I64)
    count.add_incoming(i64(0), before)
    sums = [builder.phi(on.type) for _ in starts]
    for phi in sums:
        phi.add_incoming(on.zero, before)
    builder.cbranch(builder.icmp_signed("<", count, whole), body, after)
    builder.position_at_end(body)
    offset = builder.mul(count, i64(on.size))
    piece = on.load(builder.add(b, offset))
    for at, phi in zip(starts, sums, strict=True):
        new = on.multiply_add(on.load(builder.add(at, offset)), piece, phi)
        phi.add_incoming(new, body)
    count.add_incoming(builder.add(count, i64(on.lanes)), body)
    builder.branch(head)
    builder.position_at_end(after)
    return sums


@intrinsic
def transpose(
    typing: Any, source: Any, source_row: Any, rows: Any, target: Any, target_row: Any, real: Any
) -> Any:
    """
    Write the transpose of a square block, as wide as a vector, to ``target``.

    If the source has fewer rows, the last one is repeated. Interleaving the upper half of
    the rows with the lower half, log₂(lanes) times, gives a transpose: each round moves one
    bit of the row number to the column number.
    """
    number = real.dtype
    signature = types.void(*[types.intp] * 5, real)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, source_row, rows, target, target_row, _ = arguments
        on = Vectors(builder, number, ISA)
        last = builder.sub(rows, i64(1))
        block = []
        for i in range(on.lanes):
            r = builder.select(builder.icmp_signed("<", i64(i), rows), i64(i), last)
            block.append(on.load(builder.add(source, builder.mul(r, source_row))))
        half = on.lanes // 2
        for _ in range(half.bit_length()):
            pairs = [on.interleave(block[i], block[half + i]) for i in range(half)]
            block = [vector for pair in pairs for vector in pair]
        for i, vector in enumerate(block):
            on.store(vector, builder.add(target, builder.mul(i64(i), target_row)))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def lanes_of(typing: Any, real: Any) -> Any:
    """Return how many numbers of dtype ``real`` a vector has, a constant of the compiled code."""
    number = real.dtype
    lanes = ISA.lanes(number.bitwidth // 8)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return i64(lanes)

    return types.intp(real), codegen


@intrinsic
def size_of(typing: Any, real: Any) -> Any:
    """Return the bytes of a number of dtype ``real``, a constant of the compiled code."""
    size = real.dtype.bitwidth // 8

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return i64(size)

    return types.intp(real), codegen
