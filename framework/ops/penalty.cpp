#include "framework/ops/penalty.h"

#include <algorithm>
#include <new>
#include <vector>

#include "framework/compute/basic.h"
#include "framework/ops/map.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

// Saved tensors in a number known at run time, in a block of the pool: a rule may own it without operator new.
class SavedList {
 public:
  explicit SavedList(std::int64_t capacity)
      : block_({capacity * static_cast<std::int64_t>(sizeof(Saved))}, DType::u8),
        items_(reinterpret_cast<Saved*>(block_.mutable_data<std::uint8_t>())) {}
  SavedList(SavedList&& other) noexcept
      : block_(std::move(other.block_)), items_(other.items_), count_(std::exchange(other.count_, 0)) {}
  SavedList(const SavedList&) = delete;
  SavedList& operator=(const SavedList&) = delete;
  ~SavedList() { std::destroy_n(items_, count_); }

  void add(const Tensor& tensor) { ::new (static_cast<void*>(items_ + count_++)) Saved(tensor); }
  std::span<const Saved> items() const { return {items_, static_cast<std::size_t>(count_)}; }

 private:
  Tensor block_;
  Saved* items_;
  std::int64_t count_ = 0;
};

// factor times the sum of measure(p) over the parameters, each once, as one node. `slope(w, up)` is the gradient of
// one of them, `up` being factor times the gradient of the result.
template <class Measure, class Slope>
Var penalty(const char* op, std::span<Parameter* const> parameters, double factor, Measure measure, Slope slope) {
  if (parameters.empty()) fail(op, "an empty list", "at least one parameter", "check what the selection caught");
  thread_local std::vector<Var> leaves;  // kept for its capacity
  leaves.clear();
  SavedList saved(static_cast<std::int64_t>(parameters.size()));
  double total = 0;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    Parameter* const p = parameters[i];
    if (p == nullptr) fail(op, text("a null pointer at position ", i), "parameters");
    if (p->value().dtype() != parameters[0]->value().dtype())
      fail(op, text(p->name(), " of type ", p->value().dtype(), " at position ", i),
           text(parameters[0]->value().dtype(), " as the first"), "convert the whole model with Module::to()");
    if (std::find(parameters.begin(), parameters.begin() + static_cast<std::ptrdiff_t>(i), p) !=
        parameters.begin() + static_cast<std::ptrdiff_t>(i))
      continue;
    leaves.emplace_back(*p);
    saved.add(p->value());
    total += measure(p->value());
  }
  Var result = record(op, leaves, Tensor::scalar(factor * total, leaves[0].dtype()),
                      [saved = std::move(saved), factor, slope](const Tensor& dy, InputGrads& dx) {
                        const double up = factor * dy.item();
                        int i = 0;
                        for (const Saved& w : saved.items()) {
                          if (dx.wants(i)) dx.add(i, slope(*w, up));
                          ++i;
                        }
                      });
  leaves.clear();
  return result;
}

}  // namespace

Var l2_penalty(std::span<Parameter* const> parameters, double lambda) {
  return penalty(
      "l2_penalty", parameters, lambda / 2, [](const Tensor& w) { return sum_squares(w); },
      [](const Tensor& w, double up) { return map(w, [up](auto v) { return static_cast<decltype(v)>(2 * up) * v; }); });
}

Var l1_penalty(std::span<Parameter* const> parameters, double lambda) {
  return penalty(
      "l1_penalty", parameters, lambda, [](const Tensor& w) { return sum_abs(w); },
      [](const Tensor& w, double up) {
        return map(w, [up](auto v) {
          using T = decltype(v);
          return v > T(0) ? static_cast<T>(up) : v < T(0) ? static_cast<T>(-up) : T(0);
        });
      });
}

}  // namespace ebb
