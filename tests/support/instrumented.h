/// \file
/// Whether a sanitizer watches, lines are counted, or the processor is emulated: code is then up to thirty times
/// slower, and tests of large things make do with less.
#pragma once

namespace ebb::test {

#if defined(EBB_INSTRUMENTED)
constexpr bool instrumented = true;
#else
constexpr bool instrumented = false;
#endif

/// So many random inputs, or under instruments an eighth: what they look for shows in the first of a kind.
template <class Count>
constexpr Count some_of(Count inputs) {
  return instrumented ? inputs / 8 : inputs;
}

}  // namespace ebb::test
