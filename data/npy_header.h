// The header of an array in NumPy's format: a Python dictionary with three keys.
#pragma once

#include <string>
#include <string_view>

#include "framework/tensor/shape.h"

namespace ebb::detail {

struct NpyHeader {
  std::string type;            // "<f4"
  bool fortran_order = false;  // the first dimension runs fastest
  Shape shape;
};

// Reads the dictionary, which ends in blanks and a newline. \throws Error naming `where` for anything else: a type that
// is no text (records), more than six dimensions, keys that lack, stand twice or are not known.
NpyHeader parse_npy_header(std::string_view dictionary, const std::string& where);

}  // namespace ebb::detail
