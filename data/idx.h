/// \file
/// The IDX format of MNIST and its relatives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "framework/io/byte_source.h"
#include "framework/tensor/tensor.h"

namespace ebb {

/// Reads a file of unsigned bytes in IDX format, plain or in gzip (told by the contents, not by the name).
/// Layout, all numbers big-endian: two zero bytes, the type 0x08, the rank (1: labels, 3: images), a u32 for each
/// dimension, the bytes. The first dimension is at most 10,000,000, rows and columns are 1 to 4,096, and the file has
/// exactly the announced length.
/// \returns u8 `[count]` or `[count, rows, columns]`.
/// \throws Error naming the file and what is wrong with it.
Tensor read_idx(const std::filesystem::path& path);

/// As above, from a source of `size` bytes.
Tensor read_idx(ByteSource& source, std::uint64_t size);

/// The numbers in front of the bytes of `tensor` in an IDX file.
/// \param tensor u8 of rank 1 or 3.
std::vector<std::byte> idx_header(const Tensor& tensor);

}  // namespace ebb
