#include "lab/audit/linear_system.h"

#include <algorithm>
#include <cmath>

namespace ebb {

LinearSystem::Sum LinearSystem::unknown() {
  expressed_.emplace_back();
  return {{static_cast<int>(expressed_.size()) - 1, 1.0}};
}

LinearSystem::Sum LinearSystem::combined(double alpha, const Sum& a, double beta, const Sum& b) {
  Sum out;
  auto i = a.begin(), j = b.begin();
  while (i != a.end() || j != b.end()) {
    const int next = j == b.end() || (i != a.end() && i->first <= j->first) ? i->first : j->first;
    double coefficient = 0;
    if (i != a.end() && i->first == next) coefficient += alpha * (i++)->second;
    if (j != b.end() && j->first == next) coefficient += beta * (j++)->second;
    // Coefficients are small integers and halves of them: what is as small as this is a rounded 0.
    if (std::abs(coefficient) > 1e-9) out.emplace_back(next, coefficient);
  }
  return out;
}

void LinearSystem::equate(const Sum& a, const Sum& b) {
  Sum rest = solved(combined(1, a, -1, b));
  if (rest.empty()) return;
  const auto [newest, coefficient] = rest.back();
  rest.pop_back();
  expressed_[static_cast<std::size_t>(newest)] = combined(-1 / coefficient, rest, 0, {});
}

LinearSystem::Sum LinearSystem::solved(const Sum& sum) {
  Sum out = sum;
  // Older unknowns express newer ones, so this ends.
  for (bool again = true; again;) {
    again = false;
    for (const auto& [unknown, coefficient] : Sum(out)) {
      std::optional<Sum>& known = expressed_[static_cast<std::size_t>(unknown)];
      if (!known) continue;
      if (std::ranges::any_of(
              *known, [&](const auto& term) { return expressed_[static_cast<std::size_t>(term.first)].has_value(); }))
        *known = solved(*known);
      out = combined(1, combined(1, out, -coefficient, {{unknown, 1.0}}), coefficient, *known);
      again = true;
      break;
    }
  }
  return out;
}

}  // namespace ebb
