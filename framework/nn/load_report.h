/// \file
/// What the readers of states share for their messages.
#pragma once

#include <string>
#include <string_view>

#include "framework/nn/module.h"

namespace ebb::detail {

/// "path: got [3] f32, wanted [4] f32".
std::string mismatch(std::string_view path, const Tensor& got, const Shape& shape, DType dtype);

/// Throws an Error of `where` that lists everything in `report` but what was loaded.
[[noreturn]] void fail_load(std::string_view where, const LoadReport& report, std::string_view remedy);

}  // namespace ebb::detail
