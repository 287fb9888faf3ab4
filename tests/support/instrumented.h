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

}  // namespace ebb::test
