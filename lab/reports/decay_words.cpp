#include "lab/reports/decay_words.h"

#include <vector>

#include "framework/tensor/text.h"
#include "lab/format/numbers.h"

namespace ebb {

std::string Counted::text() const {
  return ebb::text(grouped(parameters), parameters == 1 ? " parameter" : " parameters", " with ", grouped(numbers),
                   numbers == 1 ? " number" : " numbers");
}

std::string where_decay_acts(const Counted& filters, const Counted& function, const Counted& rest) {
  if (filters.parameters + function.parameters == 0) return "Decay acts on no parameter.";
  std::vector<std::string> parts;
  if (filters.parameters > 0)
    parts.push_back(
        text(filters.text(),
             " in front of a norm, where it leaves the function as it is and sets how large they are and so "
             "how fast they turn"));
  if (function.parameters > 0) parts.push_back(text(function.text(), " elsewhere, where it acts on the function"));
  std::string out = text("Decay acts on ", parts[0], parts.size() > 1 ? ", and on " + parts[1] : std::string(), '.');
  if (rest.parameters > 0) out += text(' ', rest.text(), rest.parameters == 1 ? " is" : " are", " not decayed.");
  return out;
}

bool follows_gradients(double predicted_norm, double doubled_norm) {
  constexpr double between = 0.75;  // the square root and the third root
  return !(doubled_norm / predicted_norm < between);
}

std::string share_in_words(double share) {
  if (share > 0.999 && share < 1) return "more than 99.9 %";
  if (share > 0 && share < 0.001) return "less than 0.1 %";
  const bool whole = share == 0 || share == 1 || (share >= 0.01 && share <= 0.99);
  return percent(share, whole ? 0 : 1);
}

}  // namespace ebb
