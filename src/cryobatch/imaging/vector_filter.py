"""Short filters along rows, sixteen pixels at a time.

A compiler makes vectors of a loop only behind questions whether what it writes could be what it
reads; along y that is one for each row that is looked at, and where tiles are short the questions
cost several times what is calculated. Here the vectors are written down, in numba's intermediate
language; the compiler splits them where a processor's are shorter.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

SIXTEEN = 16
"""Pixels that are filtered together."""

_VECTOR = ir.VectorType(ir.FloatType(), SIXTEEN)
_PLACE = ir.IntType(32)
_MAY_FUSE = ("contract",)


@intrinsic
def filter_sixteen(_context, source, at, step, taps, out, to):  # type: ignore[no-untyped-def]
    """Write sixteen sums of pixels times taps.

    Nothing checks that they lie within the arrays.

    Args:
        source: float32, C order.
        at: uintp, place (in the flattened array) of the first pixel for the first tap.
        step: uintp, from one tap's pixels to the next one's.
        taps: Tuple of float32.
        out: float32, C order.
        to: uintp, place of the first sum.
    """

    def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
        source, at, step, taps, out, to = values
        read, write = _access(context, builder, signature.args[0], signature.args[4])
        pixels = [read(source, at, step, number) for number in range(taps.type.count)]
        write(out, to, _weigh(builder, pixels, taps))
        return context.get_dummy_value()

    return types.void(source, at, step, taps, out, to), generate


@intrinsic
def filter_two_rows(_context, source, at, step, taps, out, to):  # type: ignore[no-untyped-def]
    """Do the same for two neighbouring rows, which share all pixels but those of two.

    Args are those of ``filter_sixteen``; the second sums start a ``step`` later in both arrays.
    """

    def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
        source, at, step, taps, out, to = values
        read, write = _access(context, builder, signature.args[0], signature.args[4])
        pixels = [read(source, at, step, number) for number in range(taps.type.count + 1)]
        first, second = (_weigh(builder, each, taps) for each in (pixels[:-1], pixels[1:]))
        write(out, to, first)
        write(out, builder.add(to, step), second)
        return context.get_dummy_value()

    return types.void(source, at, step, taps, out, to), generate


def _access(
    context: Any, builder: ir.IRBuilder, source: types.Array, out: types.Array
) -> tuple[Callable[..., ir.Value], Callable[..., None]]:
    """Return what reads sixteen pixels of one array, and what writes them to the other."""

    def pointer(kind: types.Array, array: ir.Value, place: ir.Value) -> ir.Value:
        data = context.make_array(kind)(context, builder, array).data
        return builder.bitcast(builder.gep(data, [place]), _VECTOR.as_pointer())

    def read(array: ir.Value, at: ir.Value, step: ir.Value, number: int) -> ir.Value:
        place = builder.add(at, builder.mul(step, ir.Constant(step.type, number)))
        return builder.load(pointer(source, array, place), align=4)

    def write(array: ir.Value, to: ir.Value, value: ir.Value) -> None:
        builder.store(value, pointer(out, array, to), align=4)

    return read, write


def _weigh(builder: ir.IRBuilder, pixels: list[ir.Value], taps: ir.Value) -> ir.Value:
    """Return the sum of pixels times taps."""
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    everywhere = ir.Constant(ir.VectorType(_PLACE, SIXTEEN), [0] * SIXTEEN)
    total = None
    for number, pixel in enumerate(pixels):
        tap = builder.extract_value(taps, number)
        one = builder.insert_element(nothing, tap, ir.Constant(_PLACE, 0))
        alike = builder.shuffle_vector(one, nothing, everywhere)
        product = builder.fmul(pixel, alike, flags=_MAY_FUSE)
        total = product if total is None else builder.fadd(total, product, flags=_MAY_FUSE)
    return total
