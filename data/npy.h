/// \file
/// Arrays in NumPy's format, version 1.0 to 3.0
/// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "framework/io/byte_source.h"
#include "framework/tensor/tensor.h"

namespace ebb {

/// Reads one array, which must fill the source to its end. Types are those of Tensor: `<f4`, `<f8`, `<i4`, `<i8` and
/// `|u1`, and `<f2`, which becomes f32, exactly. An array in Fortran's order (as NumPy saves what was transposed) comes
/// in C's. Other types are refused, objects among them: NumPy stores these as programs of pickle. So are big-endian
/// numbers, more than six dimensions, and headers of more than 10,000 bytes, NumPy's own limit.
/// \param most bytes of numbers that the array may have; no memory is asked for before this was checked.
/// \throws Error naming the source and what is wrong.
Tensor read_npy(ByteSource& source, std::uint64_t most = std::numeric_limits<std::uint64_t>::max());

/// What stands in front of a tensor's bytes in a file of version 1.0; a multiple of 64 bytes.
std::string npy_header(const Tensor& tensor);

}  // namespace ebb
