/// \file
/// Embedding lookup.
#pragma once

#include "framework/autograd/tape.h"

namespace ebb {

/// Rows of a table: table `[rows, width]`, indices i64 (or i32, u8) of any shape -> `[..., width]`. The gradient
/// of a row is the sum over its uses, added in the order of the indices.
/// \throws Error naming the position of an index outside 0 .. rows-1.
Var embedding(const Var& table, const Tensor& indices);

}  // namespace ebb
