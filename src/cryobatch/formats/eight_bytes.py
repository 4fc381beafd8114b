"""Read and write eight bytes at any place of an array, in compiled loops.

numba reaches arrays by whole elements; decoders of bits are several times faster if they take eight
bytes at a time wherever those begin. Nothing is checked: who calls sees to it that all eight lie
within the array.
"""

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped,unused-ignore]  # it publishes no types
from numba import types
from numba.extending import intrinsic


def _eight_bytes(context: Any, builder: Any, kind: Any, values: Any) -> Any:
    """Return a pointer to eight bytes of an array (Any: numba publishes no types)."""
    array = context.make_array(kind)(context, builder, values[0])
    place = builder.gep(array.data, [values[1]])
    return builder.bitcast(place, ir.IntType(64).as_pointer())


@intrinsic  # type: ignore[untyped-decorator,unused-ignore]  # numba
def load_eight(_context: Any, array: Any, index: Any) -> Any:
    """Return eight bytes of an array from a place on, the first one lowest."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load(_eight_bytes(context, builder, signature.args[0], values), align=1)

    return types.uint64(array, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator,unused-ignore]  # numba
def load_eight_swapped(_context: Any, array: Any, index: Any) -> Any:
    """Return eight bytes of an array from a place on, the first one highest."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        found = builder.load(_eight_bytes(context, builder, signature.args[0], values), align=1)
        return builder.bswap(found)

    return types.uint64(array, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator,unused-ignore]  # numba
def store_eight(_context: Any, array: Any, index: Any, value: Any) -> Any:
    """Write eight bytes into an array from a place on, the lowest first."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _eight_bytes(context, builder, signature.args[0], values)
        builder.store(values[2], place, align=1)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.uint64), generate
