"""Threshold to bits: the one pass over every pixel of a confidence map.

A row of bits has 64 pixels in a word, pixel x in bit x % 64 of word x // 64. `pack` compares 64
pixels at once with vectors of LLVM, whatever the processor's own width is; `pack_plain` is the same
in plain loops. float32 in the other byte order comes as uint32 and is swapped in the registers.

Kernels trust their arguments. Nothing here calls into another module: numba's cache does not see a
change in one.
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

WORD, LANES = 64, 16
ZERO = np.uint64(0)


def load(context, builder, array, index, lanes):
    """LLVM code: `lanes` float32 from a row, swapped if it is a row of uint32."""
    kind, value = array
    pointer = context.make_array(kind)(context, builder, value).data
    pointer = builder.gep(pointer, [index])
    words = ir.VectorType(ir.IntType(32), lanes)
    found = builder.load(builder.bitcast(pointer, words.as_pointer()))
    found.align = 4
    if kind.dtype != types.float32:
        swap = ir.FunctionType(words, [words])
        name = f"llvm.bswap.v{lanes}i32"
        found = builder.call(cgutils.get_or_insert_function(builder.module, swap, name), [found])
    return builder.bitcast(found, ir.VectorType(ir.FloatType(), lanes))


def splat(builder, value, lanes):
    """LLVM code: a vector of one value."""
    none = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
    one = builder.insert_element(none, value, ir.Constant(ir.IntType(32), 0))
    first = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    return builder.shuffle_vector(one, none, first)


@intrinsic
def any_of_word(typing, row, first, limit):
    """Whether any of row[first:first + 64] is above the limit; all 64 pixels must be there."""

    def code(context, builder, signature, arguments):
        array = signature.args[0], arguments[0]
        limits = most = splat(builder, arguments[2], LANES)
        for k in range(0, WORD, LANES):
            place = builder.add(arguments[1], ir.Constant(ir.IntType(64), k))
            values = load(context, builder, array, place, LANES)
            # In this order NaN never wins, and it is one instruction of the processor.
            most = builder.select(builder.fcmp_ordered(">", values, most), values, most)
        found = builder.bitcast(builder.fcmp_ordered(">", most, limits), ir.IntType(LANES))
        return builder.icmp_unsigned("!=", found, ir.Constant(ir.IntType(LANES), 0))

    return types.boolean(row, types.int64, types.float32), code


@intrinsic
def word_above(typing, row, first, limit):
    """uint64: bit k is `row[first + k] > limit`; all 64 pixels must be there."""

    def code(context, builder, signature, arguments):
        array = signature.args[0], arguments[0]
        values = load(context, builder, array, arguments[1], WORD)
        limits = splat(builder, arguments[2], WORD)
        return builder.bitcast(builder.fcmp_ordered(">", values, limits), ir.IntType(WORD))

    return types.uint64(row, types.int64, types.float32), code


@intrinsic
def pixel_above(typing, row, x, limit):
    """Whether `row[x] > limit`."""

    def code(context, builder, signature, arguments):
        array = signature.args[0], arguments[0]
        value = load(context, builder, array, arguments[1], 1)
        value = builder.extract_element(value, ir.Constant(ir.IntType(32), 0))
        return builder.fcmp_ordered(">", value, arguments[2])

    return types.boolean(row, types.int64, types.float32), code


@njit(cache=True, nogil=True)
def pack(rows, limit, bits):
    """Write `rows > limit` into bits, (h, words) uint64; pixels beyond the width are 0.

    rows: C-contiguous (h, W) float32, or uint32 for float32 in the other byte order; NaN is not
    above. limit: float32.
    """
    whole = rows.shape[1] // WORD
    for y in range(rows.shape[0]):
        row, out = rows[y], bits[y]
        for j in range(whole):
            out[j] = ZERO
            if any_of_word(row, WORD * j, limit):
                out[j] = word_above(row, WORD * j, limit)
        if whole < out.size:
            word = ZERO
            for x in range(WORD * whole, row.size):
                word |= np.uint64(pixel_above(row, x, limit)) << np.uint64(x % WORD)
            out[whole] = word


@njit(cache=True, nogil=True)
def any_above(values, limit):
    """Whether any of the (n,) values is above the limit; no early exit, so it is SIMD."""
    found = False
    for k in range(values.size):
        found |= values[k] > limit
    return found


@njit(cache=True, nogil=True)
def pack_plain(rows, limit, bits):
    """The same for float32 in native byte order, without a line of LLVM."""
    for y in range(rows.shape[0]):
        for j in range(bits.shape[1]):
            block = rows[y, WORD * j : WORD * j + WORD]
            word = ZERO
            if any_above(block, limit):
                for k in range(block.size):
                    word |= np.uint64(block[k] > limit) << np.uint64(k)
            bits[y, j] = word
