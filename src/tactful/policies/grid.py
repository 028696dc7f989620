"""Coefficients and designs on grids of powers of two, so that their products add up exactly in any order.

A matrix product and its rows one by one, any BLAS and any number of threads then give the same bits.
"""

from __future__ import annotations

import numpy as np

from tactful.core.arrays import F64

BITS = 24  # of a coefficient, by arm: what float32 holds exactly
_LARGEST = 3  # bits of a design's integer part: it is clipped to ±8
_FINEST = 20


def fraction_bits(d: int) -> int:
    """Binary places of a design of length d: d products of 24 bits and these fit into the 53 of float64.

    >>> fraction_bits(17), fraction_bits(1000)
    (20, 16)
    """
    return min(_FINEST, 53 - BITS - _LARGEST - (d - 1).bit_length())


def coefficients(values: F64, axes: tuple[int, ...]) -> F64:
    """``values`` rounded to 24 bits of the largest along ``axes``."""
    largest = np.abs(values).max(axes, keepdims=True)
    unit = np.ldexp(1.0, np.frexp(np.maximum(largest, 1e-200))[1] - BITS)
    return np.rint(values / unit) * unit
