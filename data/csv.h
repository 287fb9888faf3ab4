/// \file
/// Tables of small whole numbers as text.
#pragma once

#include <cstdint>

#include "framework/io/byte_source.h"
#include "framework/tensor/tensor.h"

namespace ebb {

/// Reads lines of `columns` numbers from 0 to 255, without signs or leading zeros, with commas between them and nothing
/// else. A line ends with a line feed, perhaps behind a carriage return; the last one need not. At least one line, at
/// most 10,000,000.
/// \returns u8 `[lines, columns]`.
/// \throws Error naming the source, the line and what is wrong with it.
Tensor read_csv(ByteSource& source, std::int64_t columns);

}  // namespace ebb
