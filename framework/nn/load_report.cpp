#include "framework/nn/load_report.h"

#include <algorithm>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

constexpr std::size_t longest_list = 40;

// "2 missing: a, b" and a separator, nothing for an empty list.
void append_list(std::string& out, const char* what, const std::vector<std::string>& paths, const char* separator) {
  if (paths.empty()) return;
  if (!out.empty()) out += separator;
  out += text(paths.size(), ' ', what, ": ");
  for (std::size_t i = 0; i < std::min(paths.size(), longest_list); ++i) {
    if (i > 0) out += ", ";
    out += paths[i];
  }
  if (paths.size() > longest_list) out += text(" and ", paths.size() - longest_list, " more");
}

std::string differences(const LoadReport& report, const char* separator) {
  std::string out;
  append_list(out, "missing", report.missing, separator);
  append_list(out, "extra", report.extra, separator);
  append_list(out, "misshaped", report.misshaped, separator);
  return out;
}

}  // namespace

std::string LoadReport::text() const {
  std::string out = ebb::text(loaded.size(), " loaded");
  const std::string rest = differences(*this, "\n");
  if (!rest.empty()) out += '\n' + rest;
  return out;
}

namespace detail {

std::string mismatch(std::string_view path, const Tensor& got, const Shape& shape, DType dtype) {
  if (!got.defined()) return text(path, ": got nothing, wanted ", shape, ' ', dtype);
  return text(path, ": got ", got.shape(), ' ', got.dtype(), ", wanted ", shape, ' ', dtype);
}

void fail_load(std::string_view where, const LoadReport& report, std::string_view remedy) {
  fail(where, differences(report, "; "), "the names and shapes of the model", remedy);
}

}  // namespace detail
}  // namespace ebb
