// On what decay acts, in words: private to the pages.
#pragma once

#include <cstdint>
#include <string>

namespace ebb {

// Parameters, and how many numbers they hold.
struct Counted {
  std::int64_t parameters = 0;
  std::int64_t numbers = 0;

  void add(std::int64_t values) { ++parameters, numbers += values; }
  std::string text() const;  // "12 parameters with 268,336 numbers"
};

// A few sentences. \param filters decayed in front of a norm. \param function decayed elsewhere. \param rest others.
std::string where_decay_acts(const Counted& filters, const Counted& function, const Counted& rest);

// Whether a predicted norm at rest depends on the size of gradients, told by what twice the lambda makes of it: it
// falls by the root of two where updates are divided by that size, by the fourth root where they are not, and by the
// third where decay stands in the gradient and both are divided.
bool follows_gradients(double predicted_norm, double doubled_norm);

// "63 %", "99.6 %", "more than 99.9 %": never all or nothing by rounding.
std::string share_in_words(double share);

}  // namespace ebb
