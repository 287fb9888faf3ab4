// The user's own header, whose path is also one of Ebb's.
#pragma once

namespace user {
struct Dataset {
  static constexpr int classes = 10;
};
}  // namespace user
