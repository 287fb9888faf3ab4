/// \file
/// The one exception type of Ebb, and the helpers that build its message.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "framework/tensor/text.h"

namespace ebb {

/// What every function of Ebb throws on bad input. `what()` reads
/// "[where] got ...; wanted ...; remedy".
class Error : public std::runtime_error {
 public:
  /// \param where the op, layer, file or option concerned, e.g. "conv2d".
  /// \param got the value seen.
  /// \param wanted the value that would have been right.
  /// \param remedy what the user can do; may be empty.
  Error(std::string_view where, std::string_view got, std::string_view wanted, std::string_view remedy = {});

  /// The op, layer, file or option the message is about.
  const std::string& where() const noexcept { return where_; }

 private:
  std::string where_;
};

/// Throws an Error; see its constructor.
[[noreturn]] void fail(std::string_view where, std::string_view got, std::string_view wanted,
                       std::string_view remedy = {});

}  // namespace ebb
