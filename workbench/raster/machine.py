"""Five things of the processor that numba's Python does not say.

A loop that alternates between reading a block of points and counting it lets the memory rest half of the time: what the
processor fetches by itself stops where a block ends. With `fetch`, the next block is asked for while the one before it
is counted; `fetch_row` does so for a column that lies in the rows of a file. And numba shifts in 64 bits whatever it is given, so that a vector holds a quarter as many; `shifted` keeps to
the bits of the numbers. And a processor jumps once a step at best: what happens `rarely` is put out of the way, so that
all else runs straight on. And a processor multiplies pairs of 16 bits and adds them up in one step, which is just what
makes a cell out of two codes: `cells_of`.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

#: Points that one call of `fetch` asks for.
CHUNK = 64
#: Points whose cells one call of `cells_of` finds, and what its factors stay below.
TOGETHER, FACTOR = 16, 1 << 15
_LINE = 64  # bytes
_READ, _SOON, _DATA = 0, 3, 1  # what LLVM's prefetch is told


def _named(builder: Any, name: str, gives: Any, takes: Any) -> Any:
    """One of LLVM's own functions."""
    known = builder.module.globals.get(name)
    return known or ir.Function(builder.module, ir.FunctionType(gives, takes), name)


def _fetch(context: Any, column: Any, index: Any) -> Any:
    """Ask for ``column[index : index + CHUNK]``, which need not exist: nothing is read.

    Where values do not lie side by side it does nothing: so many lines would push out those that are at work.
    """
    apart = _LINE * 8 // column.dtype.bitwidth
    ahead = range(0, CHUNK if column.layout == "C" else 0, apart)

    def generate(target: Any, builder: Any, signature: Any, args: Any) -> Any:
        made = target.make_array(signature.args[0])(target, builder, args[0])
        byte = ir.PointerType(ir.IntType(8))
        word = ir.IntType(32)
        call = _named(builder, "llvm.prefetch.p0", ir.VoidType(), [byte, word, word, word])
        for points in ahead:
            place = builder.gep(made.data, [builder.add(args[1], args[1].type(points))])
            builder.call(call, [builder.bitcast(place, byte), word(_READ), word(_SOON), word(_DATA)])
        return target.get_dummy_value()

    return types.void(column, types.intp), generate


def _fetch_row(context: Any, column: Any, index: Any) -> Any:
    """Ask for the memory that ``column[index]`` lies in, which need not exist: nothing is read."""

    def generate(target: Any, builder: Any, signature: Any, args: Any) -> Any:
        made = target.make_array(signature.args[0])(target, builder, args[0])
        byte = ir.PointerType(ir.IntType(8))
        word = ir.IntType(32)
        call = _named(builder, "llvm.prefetch.p0", ir.VoidType(), [byte, word, word, word])
        apart = builder.mul(builder.extract_value(made.strides, 0), args[1])
        builder.call(
            call, [builder.gep(builder.bitcast(made.data, byte), [apart]), word(_READ), word(_SOON), word(_DATA)]
        )
        return target.get_dummy_value()

    return types.void(column, types.intp), generate


def _shifted(context: Any, value: Any, by: Any) -> Any:
    """``value >> by`` of unsigned numbers of one kind; `by` is less than their bits."""

    def generate(target: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.lshr(*args)

    return value(value, value), generate


def _rarely(context: Any, condition: Any) -> Any:
    """The condition, which is seldom true."""

    def generate(target: Any, builder: Any, signature: Any, args: Any) -> Any:
        bit = ir.IntType(1)
        return builder.call(_named(builder, "llvm.expect.i1", bit, [bit, bit]), [*args, bit(0)])

    return types.boolean(types.boolean), generate


def _cells_of(context: Any, x: Any, y: Any, first: Any, shift_x: Any, shift_y: Any, row: Any, cells: Any) -> Any:
    """``(y >> shift_y) * row + (x >> shift_x)`` of `TOGETHER` codes from `first` on, put there in `cells`, in any order.

    Columns of uint16 that lie side by side; x, y and row below `FACTOR` once shifted.
    """
    if not x.layout == y.layout == cells.layout == "C":
        raise TypingError("cells_of takes what lies side by side")
    half, full = ir.IntType(16), ir.IntType(32)
    codes, sums = ir.VectorType(half, TOGETHER), ir.VectorType(full, TOGETHER // 2)

    def splat(builder: Any, value: Any, kind: Any) -> Any:
        none = ir.Constant(kind, ir.Undefined)
        one = builder.insert_element(none, value, ir.Constant(full, 0))
        return builder.shuffle_vector(one, none, ir.Constant(ir.VectorType(full, kind.count), [0] * kind.count))

    def generate(target: Any, builder: Any, signature: Any, args: Any) -> Any:
        def place(which: int, more: int, kind: Any) -> Any:
            made = target.make_array(signature.args[which])(target, builder, args[which])
            at = builder.add(args[2], args[2].type(more))
            return builder.bitcast(builder.gep(made.data, [at]), kind.as_pointer())

        def read(which: int, shift: Any) -> Any:
            column = builder.load(place(which, 0, codes), align=2)
            return builder.lshr(column, splat(builder, builder.trunc(shift, half), codes))

        xs, ys = read(0, args[3]), read(1, args[4])
        weights = splat(builder, builder.or_(builder.shl(args[5], full(16)), full(1)), sums)
        for more, mask in enumerate(_PAIRED):
            paired = builder.shuffle_vector(xs, ys, ir.Constant(ir.VectorType(full, TOGETHER), mask))
            found = _multiplied(target, builder, paired, builder.bitcast(weights, codes), sums)
            builder.store(found, place(6, more * TOGETHER // 2, sums), align=4)
        return target.get_dummy_value()

    return types.void(x, y, types.intp, types.uint32, types.uint32, types.uint32, cells), generate


#: x and y side by side: of the first four codes of each half of a vector, and of the last four, as processors put them.
_PAIRED = [
    [k for half in (0, 8) for i in range(part, part + 4) for k in (half + i, TOGETHER + half + i)] for part in (0, 4)
]


def _multiplied(target: Any, builder: Any, pairs: Any, weights: Any, sums: Any) -> Any:
    """The sums of neighbours' products: in one step where the processor has it."""
    if "+avx2" in getattr(target.codegen(), "_tm_features", ""):
        call = _named(builder, "llvm.x86.avx2.pmadd.wd", sums, [pairs.type, pairs.type])
        return builder.call(call, [pairs, weights])
    every = ir.VectorType(ir.IntType(32), sums.count * 2)
    product = builder.mul(builder.zext(pairs, every), builder.zext(weights, every))
    index = ir.VectorType(ir.IntType(32), sums.count)
    halves = [
        builder.shuffle_vector(product, product, ir.Constant(index, list(range(k, every.count, 2)))) for k in (0, 1)
    ]
    return builder.add(*halves)


#: In compiled code ``fetch(column, index)``, ``fetch_row(column, index)``, ``shifted(value, by)``, ``if rarely(condition):`` and
#: ``cells_of(x, y, first, shift_x, shift_y, row, cells)``.
fetch: Any = intrinsic(_fetch)
fetch_row: Any = intrinsic(_fetch_row)
shifted: Any = intrinsic(_shifted)
rarely: Any = intrinsic(_rarely)
cells_of: Any = intrinsic(_cells_of)
