#include "framework/tensor/error.h"

namespace ebb {

namespace {

std::string message(std::string_view where, std::string_view got, std::string_view wanted, std::string_view remedy) {
  std::string out = text("[", where, "] got ", got);
  if (!wanted.empty()) out += text("; wanted ", wanted);
  if (!remedy.empty()) out += text("; ", remedy);
  return out;
}

}  // namespace

Error::Error(std::string_view where, std::string_view got, std::string_view wanted, std::string_view remedy)
    : std::runtime_error(message(where, got, wanted, remedy)), where_(where) {}

void Error::add_layer(std::string_view name) {
  path_ = path_.empty() ? std::string(name) : text(name, '.', path_);
  // The text behind "[where" is as it was made.
  message_ = text('[', where_, " in ", path_, std::string_view(std::runtime_error::what()).substr(1 + where_.size()));
}

void fail(std::string_view where, std::string_view got, std::string_view wanted, std::string_view remedy) {
  throw Error(where, got, wanted, remedy);
}

}  // namespace ebb
