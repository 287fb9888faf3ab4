/// \file
/// The one exception type of Ebb, and the helpers that build its message.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "framework/tensor/text.h"

namespace ebb {

/// What every function of Ebb throws on bad input. `what()` reads
/// "[where] got ...; wanted ...; remedy"; where it comes from a layer inside of others, "[where in path] got ...".
class Error : public std::runtime_error {
 public:
  /// \param where the op, layer, file or option concerned, e.g. "conv2d".
  /// \param got the value seen.
  /// \param wanted the value that would have been right.
  /// \param remedy what the user can do; may be empty.
  Error(std::string_view where, std::string_view got, std::string_view wanted, std::string_view remedy = {});

  /// The message.
  const char* what() const noexcept override {
    return message_.empty() ? std::runtime_error::what() : message_.c_str();
  }

  /// The op, layer, file or option the message is about.
  const std::string& where() const noexcept { return where_; }

  /// The layer that it comes from, as a path, e.g. "layer1.0.conv1"; empty outside of layers that have a name.
  const std::string& path() const noexcept { return path_; }

  /// Says that it left the layer of this name: a layer's call adds its own in front of the path.
  void add_layer(std::string_view name);

 private:
  std::string where_, path_, message_;
};

/// Throws an Error; see its constructor.
[[noreturn]] void fail(std::string_view where, std::string_view got, std::string_view wanted,
                       std::string_view remedy = {});

}  // namespace ebb
