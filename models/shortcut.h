/// \file
/// The choice of shortcut that residual networks offer.
#pragma once

#include <cstdint>

namespace ebb {

/// How a block's shortcut gets from one number of channels and size to the next.
enum class Shortcut : std::uint8_t {
  padding,     ///< Every second pixel, new channels are zero: no parameters (option A of He, Zhang, Ren, Sun 2015).
  projection,  ///< A 1x1 convolution and a norm (option B).
};

/// "padding" or "projection".
const char* name(Shortcut shortcut);

}  // namespace ebb
