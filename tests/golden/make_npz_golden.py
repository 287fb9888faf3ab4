"""Writes arrays.npz and packed_arrays.npz: arrays of all kinds that Ebb reads, as NumPy saves them.

Run with NumPy (2.4): python3 tests/golden/make_npz_golden.py [FOLDER]
"""
import os
import sys

import numpy as np


def numbers(shape, dtype):
    """0, 1, 2, ... in C's order, which each of the types holds."""
    return np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)


ARRAYS = {
    "conv.weight": numbers((3, 3, 2, 4), "<f4"),
    "exact": numbers((5,), "<f8") + 0.1,
    "half": numbers((2, 3), "<f2") / 4 - 1,
    "counts": numbers((2, 2), "<i4") - 2,
    "batches": np.array(7, "<i8"),
    "pixels": numbers((4, 5, 3), "|u1"),
    "empty": numbers((0, 3), "<f4"),
    "transposed": np.asfortranarray(numbers((2, 3, 4), "<f4")),
    "six": numbers((1, 2, 1, 3, 1, 2), "<f4"),
}

if __name__ == "__main__":
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    assert not ARRAYS["transposed"].flags.c_contiguous
    np.savez(os.path.join(folder, "arrays.npz"), **ARRAYS)
    np.savez_compressed(os.path.join(folder, "packed_arrays.npz"), **ARRAYS)
