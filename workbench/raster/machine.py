"""Three things of the processor that numba's Python does not say.

A loop that alternates between reading a block of points and counting it lets the memory rest half of the time: what the
processor fetches by itself stops where a block ends. With `fetch`, the next block is asked for while the one before it
is counted. And numba shifts in 64 bits whatever it is given, so that a vector holds a quarter as many; `shifted` keeps to
the bits of the numbers. And a processor jumps once a step at best: what happens `rarely` is put out of the way, so that
all else runs straight on.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

#: Points that one call of `fetch` asks for.
CHUNK = 64
_LINE = 64  # bytes
_READ, _SOON, _DATA = 0, 3, 1  # what LLVM's prefetch is told


def _fetch(context: Any, column: Any, index: Any) -> Any:
    """Ask for ``column[index : index + CHUNK]``, which need not exist: nothing is read.

    Where values do not lie side by side it does nothing: so many lines would push out those that are at work.
    """
    apart = _LINE * 8 // column.dtype.bitwidth
    ahead = range(0, CHUNK if column.layout == "C" else 0, apart)

    def generate(target: Any, builder: Any, signature: Any, args: Any) -> Any:
        made = target.make_array(signature.args[0])(target, builder, args[0])
        stride = builder.extract_value(made.strides, 0)
        first = builder.ptrtoint(made.data, stride.type)
        word, pointer = ir.IntType(32), ir.PointerType(ir.IntType(8))
        kind = ir.FunctionType(ir.VoidType(), [pointer, word, word, word])
        name = "llvm.prefetch.p0"
        call = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        for points in ahead:
            at = builder.add(args[1], stride.type(points))
            place = builder.inttoptr(builder.add(first, builder.mul(at, stride)), pointer)
            builder.call(call, [place, word(_READ), word(_SOON), word(_DATA)])
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
        name = "llvm.expect.i1"
        call = builder.module.globals.get(name) or ir.Function(builder.module, ir.FunctionType(bit, [bit, bit]), name)
        return builder.call(call, [*args, bit(0)])

    return types.boolean(types.boolean), generate


#: In compiled code ``fetch(column, index)``, ``shifted(value, by)`` and ``if rarely(condition):``.
fetch: Any = intrinsic(_fetch)
shifted: Any = intrinsic(_shifted)
rarely: Any = intrinsic(_rarely)
