// Shifts that leave the loss as it is, by a walk for each parameter that carries a few facts from value to value.
#include <algorithm>

#include "framework/tensor/error.h"
#include "lab/audit/op_kind.h"
#include "lab/audit/travel.h"

namespace ebb {
namespace {

using detail::kind_of;
using detail::OpKind;

// What a shift has made of a value: it has had something added that is ...
enum class Added : std::uint8_t {
  nothing,
  constant,   // one number
  channels,   // a number for each channel, the same at every place and for every sample
  places,     // the same for every sample
  common,     // the same for all channels of a place, whatever it is from place to place
  columns,    // of a weight: one vector, to all its columns
  something,  // anything else: the shift is felt
};

Added both(Added a, Added b) {
  using A = Added;
  if (a == A::nothing || a == b) return b;
  if (b == A::nothing) return a;
  const auto pair = [&](A x, A y) { return (a == x && b == y) || (a == y && b == x); };
  if (pair(A::constant, A::channels)) return A::channels;
  if (pair(A::constant, A::common)) return A::common;
  if (pair(A::constant, A::places) || pair(A::channels, A::places)) return A::places;
  return A::something;
}

class ShiftWalk {
 public:
  ShiftWalk(const Network& network, const TravelRules& own) : network_(network), own_(own) {}

  // Whether the loss stays when parameter number `p` has `added` added.
  bool ignored(int p, Added added) {
    states_.assign(network_.values.size(), Added::nothing);
    for (std::size_t i = 0; i < network_.values.size(); ++i) {
      const NetworkValue& value = network_.values[i];
      if (!value.to_loss) continue;
      states_[i] = value.parameter == p ? added : result(value);
      // With one place a sample, places are channels.
      if (states_[i] == Added::places && value.shape.rank() <= 2) states_[i] = Added::channels;
    }
    return states_[static_cast<std::size_t>(network_.loss)] == Added::nothing;
  }

 private:
  Added of(const NetworkValue& value, std::size_t input) const {
    if (input >= value.inputs.size() || value.inputs[input] < 0) return Added::nothing;
    return states_[static_cast<std::size_t>(value.inputs[input])];
  }

  bool touched(const NetworkValue& value) const {
    for (std::size_t k = 0; k < value.inputs.size(); ++k)
      if (of(value, k) != Added::nothing) return true;
    return false;
  }

  const NetworkValue* input(const NetworkValue& value, std::size_t k) const {
    if (k >= value.inputs.size() || value.inputs[k] < 0) return nullptr;
    return &network_.values[static_cast<std::size_t>(value.inputs[k])];
  }

  Added result(const NetworkValue& value) const {
    if (!touched(value)) return Added::nothing;
    const Added x = of(value, 0);
    switch (kind_of(value.op)) {
      case OpKind::linear: return detail::rectifies(value.op) ? Added::something : linear(value);
      case OpKind::norm: {
        const Added y = norm(value);
        return y != Added::nothing && detail::rectifies(value.op) ? Added::something : y;
      }
      case OpKind::sum: return sum(value);
      case OpKind::product: return product(value);
      case OpKind::pooling: return pooled(value, x);
      case OpKind::reduction: return reduced(value, x);
      case OpKind::layout: return laid_out(value);
      case OpKind::embedding: return x == Added::columns ? Added::common : Added::something;
      case OpKind::softmax: return softmax(value, x);
      case OpKind::other: {
        const auto rule = own_.find(value.op);
        const bool passes = rule != own_.end() && rule->second == Travel::pooling && only_first(value);
        return passes && (x == Added::constant || x == Added::channels) ? x : Added::something;
      }
      default: return Added::something;
    }
  }

  bool only_first(const NetworkValue& value) const {
    for (std::size_t k = 1; k < value.inputs.size(); ++k)
      if (of(value, k) != Added::nothing) return false;
    return true;
  }

  Added linear(const NetworkValue& value) const {
    const Added x = of(value, 0), w = of(value, 1), b = of(value, 2);
    Added y = b;
    if (w != Added::nothing) {
      const bool whole = value.setting("groups", 1) == 1 && value.op != "matmul";
      y = both(y, w == Added::columns && whole ? Added::common : Added::something);
    }
    if (x == Added::nothing) return y;
    // A vector behind a vector: a transposed convolution sums other taps at its border, as padding does.
    const bool uniform = value.setting("padding") == 0 && value.op != "conv_transpose2d" && value.op != "matmul";
    if (x == Added::constant || x == Added::channels) return both(y, uniform ? Added::channels : Added::places);
    if (x == Added::places && value.op != "matmul") return both(y, Added::places);
    return Added::something;
  }

  Added norm(const NetworkValue& value) const {
    const Added x = of(value, 0), scale = of(value, 1), shift = of(value, 2);
    if (scale != Added::nothing) return Added::something;
    Added y = Added::nothing;
    const bool batch = value.op == "batch_norm" || value.op == "batch_norm_relu";
    if (x == Added::nothing) {
    } else if (batch && value.setting("training") == 0) {
      y = x == Added::common ? Added::something : x == Added::constant ? Added::channels : x;
    } else if (batch) {
      y = x == Added::constant || x == Added::channels ? Added::nothing : Added::something;
    } else if (value.op == "layer_norm") {
      y = x == Added::constant || x == Added::common ? Added::nothing : Added::something;
    } else {
      // What all channels of a place share differs from place to place, of which a group of channels has all.
      const bool alone = value.setting("groups") == static_cast<double>(value.shape[-1]);
      const bool one_place = value.shape.size() == value.shape[0] * value.shape[-1];
      y = x == Added::constant || (x == Added::channels && alone) || (x == Added::common && one_place)
              ? Added::nothing
              : Added::something;
    }
    return both(y, shift);
  }

  Added sum(const NetworkValue& value) const {
    if (value.op == "where") return Added::something;
    if (removed(value)) return Added::nothing;
    Added y = Added::nothing;
    for (std::size_t k = 0; k < value.inputs.size(); ++k) {
      Added x = of(value, k);
      const NetworkValue* const from = input(value, k);
      // A vector of channels stretches over the places; what has places of its own may not, but for what all of its
      // channels have in common.
      if (x != Added::nothing && from->shape.rank() > 1 && !(from->shape == value.shape))
        x = (x == Added::columns || x == Added::common) && from->shape[-1] == value.shape[-1] ? Added::common
                                                                                              : Added::something;
      if (x == Added::channels && from->shape.rank() == 1 && from->shape[0] != value.shape[-1]) x = Added::constant;
      y = both(y, x);
    }
    return value.op == "add_relu" ? Added::something : y;
  }

  // x - mean(x) has lost what all that the mean is taken over have in common.
  bool removed(const NetworkValue& value) const {
    const NetworkValue *const x = input(value, 0), *const mean = input(value, 1);
    if (value.op != "sub" || x == nullptr || mean == nullptr || mean->op != "mean" ||
        mean->inputs[0] != value.inputs[0] || mean->shape.rank() != x->shape.rank())
      return false;
    const auto mask = static_cast<unsigned>(mean->setting("axes"));
    const unsigned last = 1U << static_cast<unsigned>(x->shape.rank() - 1);
    const Added added = of(value, 0);
    if (added == Added::constant) return true;
    if (added == Added::channels) return (mask & last) == 0;
    if (added == Added::places) return mask == 1U && x->shape.rank() > 1;
    return (added == Added::common || added == Added::columns) && mask == last;
  }

  Added product(const NetworkValue& value) const {
    const std::size_t k = of(value, 0) != Added::nothing ? 0 : 1;
    if (of(value, 1 - k) != Added::nothing || (k == 1 && value.op == "div")) return Added::something;
    const NetworkValue* const factor = input(value, 1 - k);
    if (value.scaled) return of(value, k);
    if (factor == nullptr || factor->shape.rank() > 1 || factor->parameter < 0) return Added::something;
    const Added x = of(value, k);
    if (factor->shape.rank() == 0) return x;
    return x == Added::constant || x == Added::channels ? Added::channels : x == Added::places ? x : Added::something;
  }

  Added pooled(const NetworkValue& value, Added x) const {
    const bool average = value.op.ends_with("avg_pool2d");
    if (x == Added::constant || x == Added::channels)
      return average && value.setting("padding") != 0 ? Added::places : x;  // a maximum does not see padding
    if (x != Added::places || !average) return Added::something;
    return value.op == "global_avg_pool2d" ? Added::channels : x;
  }

  Added reduced(const NetworkValue& value, Added x) const {
    const NetworkValue& from = *input(value, 0);
    const auto mask = static_cast<unsigned>(value.setting("axes"));
    const bool last = (mask >> static_cast<unsigned>(from.shape.rank() - 1) & 1U) != 0;
    if (x == Added::constant) return x;
    if (x == Added::channels) return last ? (value.op == "max" ? Added::something : Added::constant) : x;
    if (x == Added::common) return last || value.op == "max" ? Added::something : x;
    return x == Added::places && (mask & 1U) == 0 && value.op != "max" ? x : Added::something;
  }

  Added laid_out(const NetworkValue& value) const {
    const Added x = of(value, 0);
    const NetworkValue* const from = input(value, 0);
    if (value.op == "concat") return concatenated(value);
    if (value.op == "slice") return x;
    if (value.op == "pad") return x == Added::common || value.setting("before") != 0 ? Added::something : Added::places;
    if (x == Added::constant) return x;
    const bool same_samples = from->shape.rank() > 0 && value.shape.rank() > 0 && from->shape[0] == value.shape[0];
    if (value.op == "transpose") {
      const bool first = !value.settings.empty() && value.settings[0].value == 0;
      return first && (x == Added::channels || x == Added::places) ? Added::places : Added::something;
    }
    const bool same_channels = from->shape.rank() > 0 && value.shape.rank() > 0 && from->shape[-1] == value.shape[-1];
    if (same_channels && (x == Added::channels || x == Added::common)) return x;
    return same_samples && (x == Added::channels || x == Added::places) ? Added::places : Added::something;
  }

  Added concatenated(const NetworkValue& value) const {
    const bool last = value.setting("axis") == static_cast<double>(value.shape.rank() - 1);
    Added y = Added::nothing;
    bool all = true;
    for (std::size_t k = 0; k < value.inputs.size(); ++k) {
      all = all && of(value, k) != Added::nothing;
      y = both(y, of(value, k));
    }
    if (y == Added::something || y == Added::places) return y;
    if (last) return y == Added::common ? Added::something : Added::channels;
    if (all) return y;
    return y == Added::common || value.setting("axis") == 0 ? Added::something : Added::places;
  }

  static Added softmax(const NetworkValue& value, Added x) {
    if (x != Added::constant && x != Added::common) return Added::something;
    return value.op == "softmax" || value.op == "log_softmax" || value.op == "softmax_cross_entropy" ? Added::nothing
                                                                                                     : Added::something;
  }

  const Network& network_;
  const TravelRules& own_;
  std::vector<Added> states_;
};

Symmetry shift_of(int parameter, const NamedParameter& p, bool by_channel) {
  Symmetry out;
  out.kind = Symmetry::Kind::shift;
  out.parts = {{.parameter = parameter, .path = p.path}};
  const std::int64_t channels = p.parameter->shape().size();
  if (!by_channel) out.units = {{{}}};
  else
    for (std::int64_t c = 0; c < channels; ++c) out.units.push_back({{c}});
  return out;
}

}  // namespace

std::vector<Symmetry> shift_symmetries(const Network& network, const TravelRules& own) {
  std::vector<Symmetry> found;
  ShiftWalk walk(network, own);
  for (std::size_t i = 0; i < network.parameters.size(); ++i) {
    const NamedParameter& p = network.parameters[i];
    const int number = static_cast<int>(i);
    const bool used =
        std::ranges::any_of(network.values, [&](const NetworkValue& v) { return v.parameter == number && v.to_loss; });
    if (!used || p.parameter->shape().size() == 0) continue;
    if (p.parameter->shape().rank() >= 2) {
      if (p.parameter->shape()[-1] > 1 && walk.ignored(number, Added::columns))
        found.push_back(shift_of(number, p, false));
    } else if (walk.ignored(number, Added::channels)) {
      found.push_back(shift_of(number, p, true));
    } else if (walk.ignored(number, Added::constant)) {
      found.push_back(shift_of(number, p, false));
    }
  }
  return found;
}

}  // namespace ebb
