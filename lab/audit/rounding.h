// What scaling does to numbers and their rounding, for the probe of symmetries.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <vector>

#include "framework/autograd/observing.h"
#include "framework/autograd/tape.h"
#include "lab/audit/network.h"
#include "lab/audit/symmetry.h"
#include "lab/audit/travel.h"

namespace ebb::detail {

// The probe scales units by 2^k and by 2^(k + 2): of both the square root rounds alike.
constexpr int powers_apart = 2;

// Whether the loss has the same bits when the parameters of a symmetry are scaled by powers of 2^powers_apart, or of 2
// where they are rescaled: no op on the way rounds a scaled number otherwise.
bool rounds_alike(const Network& network, const Symmetry& symmetry, const TravelRules& own);

// The least variance that a norm meets in passes in f64, infinite without one.
class LeastVariance : public OpObserver {
 public:
  // \param tape that records the passes.
  explicit LeastVariance(const Tape& tape) : tape_(tape) {}
  void forward(const char* op, std::size_t node, std::span<const Var> inputs, const Tensor& output) override;
  void backward(const char*, std::size_t, const Tensor&) override {}

  double value = std::numeric_limits<double>::infinity();

 private:
  Observing<OpObserver> observing_{op_observer, this};
  const Tape& tape_;
  // Of `rows` rows of `columns` numbers, a row `stride` behind the one before.
  void take(const double* x, std::int64_t rows, std::int64_t columns, std::int64_t stride);
};

// A sum of products, and that of their sizes.
struct Along {
  double sum = 0, size = 0;
};

// The slope of a loss with the scale of these channels of these parameters, of all that there are with these gradients;
// an empty list of channels stands for all of them. Nothing where one has no gradient.
std::optional<Along> along_scale(const std::vector<Tensor>& values, const std::vector<Tensor>& gradients,
                                 const std::vector<int>& parameters, const std::vector<std::int64_t>& channels);

// The slope of a loss with what is added to all columns, row by row.
Along along_shift(const Tensor& gradient, const std::function<double(std::int64_t row)>& added);

// A number for each channel of part `i` of a symmetry, a parameter of that shape: `first`, and f(number, unit) of it
// for each unit that has the channel.
template <class F>
std::vector<double> by_channel(const Symmetry& symmetry, std::size_t i, const Shape& shape, double first, F f) {
  const int axis = symmetry.parts[i].rows ? -2 : -1;
  std::vector<double> out(static_cast<std::size_t>(shape.rank() == 0 ? 1 : shape[axis]), first);
  for (std::size_t u = 0; u < symmetry.units.size(); ++u) {
    const std::vector<std::int64_t>& channels = symmetry.units[u][i];
    if (channels.empty())
      for (double& number : out) number = f(number, u);
    for (const std::int64_t c : channels) out[static_cast<std::size_t>(c)] = f(out[static_cast<std::size_t>(c)], u);
  }
  return out;
}

}  // namespace ebb::detail
