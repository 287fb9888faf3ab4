/// \file
/// Whether a sanitizer watches: code is then some thirty times slower, and tests of large things make do with less.
#pragma once

namespace ebb::test {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr bool instrumented = true;
#else
constexpr bool instrumented = false;
#endif

}  // namespace ebb::test
