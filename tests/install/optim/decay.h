// The user's own header, whose path is also one of Ebb's.
#pragma once

namespace user {
constexpr double decay = 1e-4;
}
