#include "lab/training/confusion.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "framework/tensor/error.h"
#include "lab/format/numbers.h"

namespace ebb {
namespace {

double share(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

// `value` at least `width` wide: to the right for numbers, to the left for names.
std::string right(const std::string& value, std::size_t width) {
  return value.size() < width ? std::string(width - value.size(), ' ') + value : value;
}
std::string left(const std::string& value, std::size_t width) {
  return value.size() < width ? value + std::string(width - value.size(), ' ') : value;
}

constexpr std::int64_t most = std::int64_t{1} << 53;  // of all samples: sums stay exact, also as double

}  // namespace

template <class T>
std::optional<std::int64_t> predicted_class(std::span<const T> logits) {
  if (logits.empty() || std::ranges::any_of(logits, [](T logit) { return std::isnan(logit); })) return std::nullopt;
  const auto largest = std::ranges::max_element(logits);
  if (std::isinf(*largest)) return std::nullopt;
  return largest - logits.begin();
}
template std::optional<std::int64_t> predicted_class(std::span<const float>);
template std::optional<std::int64_t> predicted_class(std::span<const double>);

Confusion::Confusion(std::int64_t classes) : classes_(classes) {
  if (classes < 1) fail("confusion", text(classes, " classes"), "at least 1");
  counts_.resize(static_cast<std::size_t>(classes * classes));
  unpredicted_.resize(static_cast<std::size_t>(classes));
}

void Confusion::add(const Tensor& logits, const Tensor& labels) {
  if (logits.rank() != 2 || logits.dim(1) != classes_ || labels.rank() != 1 || labels.dim(0) != logits.dim(0))
    fail("confusion", text("logits ", logits.shape(), " and labels ", labels.shape()),
         text("[n, ", classes_, "] and [n]"));
  const std::int64_t* const truth = labels.data<std::int64_t>();
  dispatch("confusion", logits.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* row = logits.data<T>();
    for (std::int64_t i = 0; i < logits.dim(0); ++i, row += classes_) {
      if (truth[i] < 0 || truth[i] >= classes_)
        fail("confusion", text("label ", truth[i], " at ", i), text("0 to ", classes_ - 1));
      add(truth[i], predicted_class(std::span(row, static_cast<std::size_t>(classes_))), 1);
    }
  });
}

void Confusion::add(std::int64_t truth, std::optional<std::int64_t> predicted, std::int64_t count) {
  const std::int64_t column = predicted.value_or(0);
  if (std::min(truth, column) < 0 || std::max(truth, column) >= classes_ || count < 0 || count > most - total_)
    fail(
        "confusion",
        text(count, " samples of class ", truth, predicted ? text(" taken for ", *predicted) : " without a prediction"),
        text("classes 0 to ", classes_ - 1, ", 0 to 2^53 samples in all"));
  auto& cell = predicted ? counts_[static_cast<std::size_t>(truth * classes_ + column)]
                         : unpredicted_[static_cast<std::size_t>(truth)];
  cell += count;
  total_ += count;
}

std::int64_t Confusion::count(std::int64_t truth, std::int64_t predicted) const {
  return counts_[static_cast<std::size_t>(truth * classes_ + predicted)];
}

std::int64_t Confusion::samples(std::int64_t truth) const {
  const auto row = counts_.begin() + truth * classes_;
  return std::accumulate(row, row + classes_, unpredicted(truth));
}

std::int64_t Confusion::unpredicted(std::int64_t truth) const { return unpredicted_[static_cast<std::size_t>(truth)]; }

std::int64_t Confusion::unpredicted() const {
  return std::accumulate(unpredicted_.begin(), unpredicted_.end(), std::int64_t{0});
}

double Confusion::accuracy() const {
  std::int64_t hits = 0;
  for (std::int64_t c = 0; c < classes_; ++c) hits += count(c, c);
  return share(hits, total_);
}

double Confusion::recall(std::int64_t c) const { return share(count(c, c), samples(c)); }

double Confusion::precision(std::int64_t c) const {
  std::int64_t predictions = 0;
  for (std::int64_t t = 0; t < classes_; ++t) predictions += count(t, c);
  return share(count(c, c), predictions);
}

std::string class_table(const Confusion& confusion, const std::vector<std::string>& names) {
  if (static_cast<std::int64_t>(names.size()) != confusion.classes())
    fail("class table", text(names.size(), " names"), text(confusion.classes(), " names"));
  std::size_t width = 5;
  for (const std::string& name : names) width = std::max(width, name.size());
  std::string out = left("class", width) + "  samples   recall  precision  most often taken for\n";
  for (std::int64_t c = 0; c < confusion.classes(); ++c) {
    std::int64_t worst = c;
    for (std::int64_t p = 0; p < confusion.classes(); ++p)
      if (p != c && confusion.count(c, p) > (worst == c ? 0 : confusion.count(c, worst))) worst = p;
    const std::string taken =
        worst == c ? "-" : text(names[static_cast<std::size_t>(worst)], " (", confusion.count(c, worst), ")");
    out += left(names[static_cast<std::size_t>(c)], width) + right(text(confusion.samples(c)), 9) +
           right(percent(confusion.recall(c), 1), 9) + right(percent(confusion.precision(c), 1), 11) + "  " + taken +
           "\n";
  }
  if (const std::int64_t none = confusion.unpredicted(); none > 0)
    out += text("no prediction for ", none, " of ", confusion.total(), " samples: their logits are not finite\n");
  return out;
}

}  // namespace ebb
