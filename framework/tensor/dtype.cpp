#include "framework/tensor/dtype.h"

#include <ostream>

#include "framework/tensor/error.h"

namespace ebb {

std::size_t size_of(DType dtype) {
  return dispatch_all("size_of", dtype, [](auto zero) { return sizeof(zero); });
}

const char* name(DType dtype) {
  switch (dtype) {
    case DType::f32: return "f32";
    case DType::f64: return "f64";
    case DType::i32: return "i32";
    case DType::i64: return "i64";
    case DType::u8: return "u8";
  }
  return "unknown";
}

std::ostream& operator<<(std::ostream& out, DType dtype) { return out << name(dtype); }

void detail::fail_dispatch(const char* op, DType got, const char* wanted) {
  fail(op, text("a tensor of type ", got), wanted, "convert it with cast(tensor, dtype)");
}

}  // namespace ebb
