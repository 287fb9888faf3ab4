#!/usr/bin/env python3
"""Reads an archive of tensors with NumPy: python3 tests/golden/npz_check.py FILE

Each array holds 0, 1, 2, ... in C's order; its name is its type and its shape: float32.2.3 is of [2, 3]. Exits with 1 when
one is otherwise, with 77 when NumPy is missing."""

import sys

try:
    import numpy
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

if __name__ == "__main__":
    wrong = 0
    with numpy.load(sys.argv[1], allow_pickle=False) as arrays:
        for name in arrays.files:
            dtype, *shape = name.split(".")
            array = arrays[name]
            fine = (array.dtype == dtype and list(array.shape) == [int(size) for size in shape] and
                    array.flags.c_contiguous and (array.ravel() == numpy.arange(array.size)).all())
            print(f"{name}: {'right' if fine else f'{array.dtype} {array.shape}'}")
            wrong += not fine
        print(f"{len(arrays.files)} arrays, {wrong} wrong")
        sys.exit(1 if wrong or not arrays.files else 0)
