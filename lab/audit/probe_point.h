// Where a probe stands: private to the probe.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "framework/autograd/tape.h"
#include "framework/tensor/random.h"
#include "lab/audit/in_f64.h"
#include "lab/audit/probe.h"
#include "lab/audit/rounding.h"

namespace ebb {
namespace detail {

constexpr int greatest_exponent = 34;
// Sums of some thousand numbers are rounded where something is added to them.
constexpr double roundings = 1e3 * 0x1p-53;
// An eps of this share of a variance is rounded away.
constexpr double void_eps = 0x1p-55;

inline double change_of(double loss, double from) { return std::abs(loss - from) / std::abs(from); }

}  // namespace detail

// Parameters and their changes, the loss and its slopes.
class Probe::Point {
 public:
  Point(Module& model, const LossOf& loss, const Network& network, const std::vector<Symmetry>& known,
        const TravelRules& own);

  // Goes where only norms whose scalings are not known feel their eps.
  void go_up(const std::vector<Symmetry>& known);

  // Whether a norm's scale or shift is part of it.
  bool has_gain(const Symmetry& symmetry) const;

  // All that scalings may change but these by 2^exponent: no norm behind it feels its eps any more.
  void lift(const std::vector<Symmetry>& known, const Group& except);

  bool rounds_alike(const Group& group) const;

  // Biases that norms remove are 0: a sum with them rounds by its scale.
  void without_inert();

  // Whether the loss moves, to first order, with what is added to the numbers, or to the columns, of a parameter.
  bool feels_shift(int p, const std::function<double(std::int64_t row)>& added) const;

  // The loss after a change of the parameters, which is undone.
  template <class Change>
  double loss(const Change& change) {
    change(*this);
    const double result = loss_here();
    for (const int p : changed_)
      std::ranges::copy(values_[static_cast<std::size_t>(p)].bytes(), value(p).mutable_bytes().begin());
    changed_.clear();
    return result;
  }

  // The least variance in front of a norm after a change likewise.
  template <class Change>
  double least_variance(const Change& change) {
    const Tape tape;
    const detail::LeastVariance least(tape);
    loss(change);
    return least.value;
  }

  double base() const { return base_; }

  // Whether the loss moves, to first order, with the scale of these channels of parameters: an invariant one does not
  // but for eps. Where there is no gradient the answer is no.
  bool feels_scale(const std::vector<int>& parameters, const std::vector<std::int64_t>& channels) const;

  // Whether they hardly move the loss, each number by itself: what a unit that is almost off makes is lost in rounding.
  bool idle(const std::vector<int>& parameters, const std::vector<std::int64_t>& channels) const;

  bool dead(int p) const;
  const Network& network() const { return network_; }
  const Shape& shape(int p) const { return network_.parameters[static_cast<std::size_t>(p)].parameter->shape(); }

  // w = f(w, channel, row) for all numbers of a parameter.
  template <class F>
  void edit(const Symmetry::Part& part, F f) {
    Tensor& w = value(part.parameter);
    changed_.insert(part.parameter);
    double* const numbers = w.mutable_data<double>();
    const std::int64_t columns = w.rank() == 0 ? 1 : w.dim(-1), rows = w.rank() < 2 ? 1 : w.dim(-2);
    for (std::int64_t row = 0; row < w.size() / std::max<std::int64_t>(1, columns); ++row)
      for (std::int64_t c = 0; c < columns; ++c) {
        double& number = numbers[row * columns + c];
        number = f(number, static_cast<std::size_t>(part.rows ? row % rows : c), row);
      }
  }

  // Each unit of a scaling or rescaling by 2^first or 2^(first + step), at random but for draw 0.
  void scale(const Symmetry& symmetry, int first, int step, std::uint64_t draw);

  // 1 or -1 added to each unit of a shift, at random; to the columns of a weight a normal vector of about that length.
  void shift(const Symmetry& symmetry, std::uint64_t draw);

  // What is added to a row of a parameter when all its columns get the same.
  double common(int p, std::uint64_t draw, std::int64_t row) const;

  // As above for all of a group, each by draws of its own.
  void scale(const Group& group, int first, int step, std::uint64_t draw);
  void shift(const Group& group, std::uint64_t draw);

  const std::vector<bool> inert;  // parameters
  int exponent = 0;               // k of Probe
  double eps = 0;                 // the largest of the norms
  double eps_of_least = 0;        // the largest eps of a norm over the least variance
  double felt_eps = 0;            // bound on what eps makes of a doubled scale
  double felt_constants = 0;      // likewise of the eps of norms that are written out

 private:
  Tensor& value(int p) const { return network_.parameters[static_cast<std::size_t>(p)].parameter->value(); }

  // Looks around: the loss, its gradients, and how much an eps matters. \returns the least variance, at most 1.
  double arrive();
  void take_gradients();
  double loss_here() const;

  const TravelRules& own_;
  InF64 f64_;
  const LossOf& loss_;
  const Network& network_;
  std::vector<Tensor> values_, gradients_;
  std::set<int> changed_;
  double base_ = 0;
};

}  // namespace ebb
