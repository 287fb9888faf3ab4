// Scalings that leave the loss as it is. Each channel of a parameter has an unknown, the logarithm of its factor; ops
// demand equations between those of the values that they meet, and what remains free is a symmetry.
#include <algorithm>
#include <map>
#include <tuple>

#include "lab/audit/linear_system.h"
#include "lab/audit/op_kind.h"
#include "lab/audit/travel.h"

namespace ebb {
namespace {

using detail::kind_of;
using detail::OpKind;
using Sum = LinearSystem::Sum;

// Logarithms of the factors of a value's channels, the indices of its last axis; one for all of them when there is one.
using Channels = std::vector<Sum>;

const Sum& at(const Channels& channels, std::size_t c) { return channels.size() == 1 ? channels[0] : channels[c]; }

std::size_t last(const Shape& shape) { return shape.rank() == 0 ? 1 : static_cast<std::size_t>(shape[-1]); }

class ScaleWalk {
 public:
  // \param absorb whether linear maps may undo what comes in, by the factors of their rows.
  // \param felt by value: sums whose eps is a constant as any other.
  ScaleWalk(const Network& network, const std::vector<bool>& inert, const TravelRules& own, bool absorb,
            const std::vector<bool>& felt)
      : network_(network),
        inert_(inert),
        own_(own),
        absorb_(absorb),
        felt_(felt),
        columns_(network.parameters.size()),
        rows_(network.parameters.size()),
        scales_(network.values.size(), Channels{{}}) {
    for (std::size_t i = 0; i < network_.values.size(); ++i)
      if (network_.values[i].to_loss) scales_[i] = result(network_.values[i]);
    stop(scales_[static_cast<std::size_t>(network_.loss)]);
  }

  // Sums in which an eps does not vanish as a symmetry's factor grows. That of a rescaling may grow or fall, but not
  // both.
  std::vector<std::size_t> felt_eps() {
    std::map<int, double> sign;  // of unknowns that stayed free: with it parameters, or else sums, grow
    if (!absorb_)
      for (const Channels& columns : columns_)
        for (const Sum& channel : columns)
          for (const auto& [unknown, power] : system_.solved(channel)) sign.emplace(unknown, power);
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < network_.values.size(); ++i) {
      if (!network_.values[i].to_loss || network_.values[i].eps < 0 || felt_[i]) continue;
      const bool falls = std::ranges::any_of(scales_[i], [&](const Sum& channel) {
        return std::ranges::any_of(system_.solved(channel), [&](const auto& term) {
          return term.second * sign.emplace(term.first, term.second).first->second < 0;
        });
      });
      if (falls) out.push_back(i);
    }
    return out;
  }

  std::vector<Symmetry> symmetries() {
    // By unknown that stayed free: what it multiplies, by parameter and axis.
    std::map<int, std::map<std::pair<std::size_t, bool>, std::map<double, std::vector<std::int64_t>>>> free;
    for (std::size_t p = 0; p < columns_.size(); ++p) {
      if (inert_[p]) continue;
      for (const bool by_row : {false, true}) {
        const Channels& channels = by_row ? rows_[p] : columns_[p];
        for (std::size_t c = 0; c < channels.size(); ++c)
          for (const auto& [unknown, power] : system_.solved(channels[c]))
            free[unknown][{p, by_row}][power].push_back(static_cast<std::int64_t>(c));
      }
    }
    // Units that act on the same parameters in the same way are one family.
    std::map<std::vector<std::tuple<std::size_t, bool, double>>, Symmetry> families;
    for (const auto& [unknown, parameters] : free) {
      std::vector<std::tuple<std::size_t, bool, double>> signature;
      Symmetry::Unit unit;
      for (const auto& [place, powers] : parameters)
        for (const auto& [power, channels] : powers) {
          signature.emplace_back(place.first, place.second, power);
          unit.push_back(channels);
        }
      Symmetry& family = families[signature];
      if (family.parts.empty()) family = described(signature);
      family.units.push_back(std::move(unit));
    }
    std::vector<Symmetry> out;
    for (auto& [signature, family] : families) out.push_back(std::move(family));
    return out;
  }

 private:
  Symmetry described(const std::vector<std::tuple<std::size_t, bool, double>>& signature) const {
    Symmetry family;
    const bool rising = std::ranges::any_of(signature, [](const auto& s) { return std::get<double>(s) > 0; });
    const bool falling = std::ranges::any_of(signature, [](const auto& s) { return std::get<double>(s) < 0; });
    family.kind = rising && falling ? Symmetry::Kind::rescale : Symmetry::Kind::scale;
    // Of a scaling that only falls the reverse rises.
    const double sign = rising ? 1 : -1;
    for (const auto& [p, by_row, power] : signature)
      family.parts.push_back({.parameter = static_cast<int>(p),
                              .path = network_.parameters[p].path,
                              .power = sign * power,
                              .rows = by_row});
    return family;
  }

  Channels of(const NetworkValue& value, std::size_t k) const {
    if (k >= value.inputs.size() || value.inputs[k] < 0) return {{}};
    return scales_[static_cast<std::size_t>(value.inputs[k])];
  }

  const NetworkValue* input(const NetworkValue& value, std::size_t k) const {
    if (k >= value.inputs.size() || value.inputs[k] < 0) return nullptr;
    return &network_.values[static_cast<std::size_t>(value.inputs[k])];
  }

  bool is_eps(const NetworkValue& value, std::size_t k) const {
    return value.eps == static_cast<int>(k) && !felt_[static_cast<std::size_t>(&value - network_.values.data())];
  }

  bool ignored(const NetworkValue& value, std::size_t k) const {
    const NetworkValue* const from = input(value, k);
    return from != nullptr && from->parameter >= 0 && inert_[static_cast<std::size_t>(from->parameter)];
  }

  void stop(const Channels& channels) {
    for (const Sum& s : channels) system_.equate(s, {});
  }

  Sum uniform(const Channels& channels) {
    for (const Sum& s : channels) system_.equate(s, channels[0]);
    return channels[0];
  }

  // Equal channel by channel, in a value of `width` channels.
  Channels equal(const Channels& a, const Channels& b) {
    const std::size_t width = std::max(a.size(), b.size());
    for (std::size_t c = 0; c < width; ++c) system_.equate(at(a, c), at(b, c));
    return a.size() >= b.size() ? a : b;
  }

  Channels stopped(const NetworkValue& value) {
    for (std::size_t k = 0; k < value.inputs.size(); ++k) stop(of(value, k));
    return {{}};
  }

  Channels result(const NetworkValue& value) {
    const Channels x = of(value, 0);
    switch (kind_of(value.op)) {
      case OpKind::leaf: return leaf(value);
      case OpKind::linear: return linear(value, x);
      case OpKind::norm: return norm(value, x);
      case OpKind::sum: return sum(value);
      case OpKind::product: return product(value);
      case OpKind::power: {
        Channels y;
        for (const Sum& s : x) y.push_back(LinearSystem::combined(detail::exponent_of(value), s, 0, {}));
        return y;
      }
      case OpKind::homogeneous:
      case OpKind::pooling:
      case OpKind::embedding: return x;
      case OpKind::reduction: {
        const auto mask = static_cast<unsigned>(value.setting("axes"));
        const bool across = (mask >> static_cast<unsigned>(input(value, 0)->shape.rank() - 1) & 1U) != 0;
        return across ? Channels{uniform(x)} : x;
      }
      case OpKind::layout: return laid_out(value, x);
      case OpKind::softmax: return stopped(value);
      case OpKind::other: break;
    }
    const auto rule = own_.find(value.op);
    if (rule == own_.end() || rule->second == Travel::stops) return stopped(value);
    for (std::size_t k = 1; k < value.inputs.size(); ++k) stop(of(value, k));
    return x.size() == 1 || x.size() == last(value.shape) ? x : Channels{uniform(x)};
  }

  Channels leaf(const NetworkValue& value) {
    if (value.parameter < 0) return {{}};
    Channels& own = columns_[static_cast<std::size_t>(value.parameter)];
    if (own.empty())
      for (std::size_t c = 0; c < last(value.shape); ++c) own.push_back(system_.unknown());
    return own;
  }

  // The factors of the rows of a weight that undo those of x.
  void undo(int parameter, const Channels& x, std::size_t rows) {
    Channels& own = rows_[static_cast<std::size_t>(parameter)];
    Channels wanted;
    for (std::size_t c = 0; c < rows; ++c) wanted.push_back(LinearSystem::combined(-1, at(x, c), 0, {}));
    if (own.empty()) own = std::move(wanted);
    else equal(own, wanted);
  }

  Channels linear(const NetworkValue& value, const Channels& x) {
    const NetworkValue* const weight = input(value, 1);
    const auto groups = static_cast<std::size_t>(value.setting("groups", 1));
    const std::size_t out = last(value.shape);
    if (value.op == "conv_transpose2d" && groups > 1) return stopped(value);
    const Channels w = of(value, 1);
    Channels sums(1);
    const bool undone =
        absorb_ && groups == 1 && weight != nullptr && weight->parameter >= 0 && weight->shape.rank() >= 2;
    if (undone) {
      undo(weight->parameter, x, static_cast<std::size_t>(weight->shape[-2]));
    } else if (groups == 1 || x.size() == 1) {
      sums[0] = uniform(x);
    } else {
      const std::size_t each = x.size() / groups;
      sums.clear();
      for (std::size_t g = 0; g < groups; ++g)
        sums.push_back(uniform({x.begin() + static_cast<std::ptrdiff_t>(g * each),
                                x.begin() + static_cast<std::ptrdiff_t>((g + 1) * each)}));
    }
    // The result has a factor for each channel if anything has.
    Channels y(sums.size() == 1 && w.size() == 1 ? 1 : out);
    for (std::size_t o = 0; o < y.size(); ++o)
      y[o] = LinearSystem::combined(1, sums.size() == 1 ? sums[0] : sums[o / (out / sums.size())], 1, at(w, o));
    if (value.inputs.size() > 2 && !ignored(value, 2)) y = equal(y, of(value, 2));
    return y;
  }

  Channels norm(const NetworkValue& value, const Channels& x) {
    const bool batch = value.op == "batch_norm" || value.op == "batch_norm_relu";
    if (batch && value.setting("training") == 0) stop(x);
    if (value.op == "layer_norm") uniform(x);
    if (value.op == "group_norm" && x.size() > 1) {
      const std::size_t each = x.size() / static_cast<std::size_t>(value.setting("groups", 1));
      for (std::size_t c = 0; c < x.size(); ++c) system_.equate(x[c], x[c / each * each]);
    }
    // Scale and shift grow together; a shift that is a constant does not, and so keeps the scale.
    const bool affine = input(value, 1) != nullptr || input(value, 2) != nullptr;
    if (!affine) return {{}};
    return ignored(value, 2) ? of(value, 1) : equal(of(value, 1), of(value, 2));
  }

  Channels sum(const NetworkValue& value) {
    Channels y;
    for (std::size_t k = 0; k < value.inputs.size(); ++k) {
      if (ignored(value, k) || is_eps(value, k)) continue;
      const Channels x = stretched(of(value, k), value);
      y = y.empty() ? x : equal(y, x);
    }
    return y.empty() ? Channels{{}} : y;
  }

  // A value with one channel stretches over all.
  static Channels stretched(const Channels& x, const NetworkValue& value) {
    return x.size() == last(value.shape) ? x : Channels{x[0]};
  }

  Channels product(const NetworkValue& value) {
    const Channels a = stretched(of(value, 0), value), b = stretched(of(value, 1), value);
    Channels y(std::max(a.size(), b.size()));
    for (std::size_t c = 0; c < y.size(); ++c)
      y[c] = LinearSystem::combined(1, at(a, c), value.op == "div" ? -1 : 1, at(b, c));
    return y;
  }

  Channels laid_out(const NetworkValue& value, const Channels& x) {
    const std::size_t width = last(value.shape);
    if (value.op == "concat") return concatenated(value);
    if (x.size() == 1 && value.op != "pad") return x;
    const NetworkValue& from = *input(value, 0);
    const auto across = static_cast<double>(value.shape.rank() - 1);
    if (value.op == "transpose") return value.settings.back().value == across ? x : Channels{uniform(x)};
    if (value.op == "slice") {
      if (value.setting("axis") != across) return x;
      Channels y;
      for (std::size_t c = 0; c < width; ++c)
        y.push_back(x[static_cast<std::size_t>(value.setting("begin")) +
                      c * static_cast<std::size_t>(value.setting("step", 1))]);
      return y;
    }
    if (value.op == "pad") return padded(value, x);
    return width % x.size() == 0 && keeps_channels(from.shape, value.shape) ? tiled(x, width) : Channels{uniform(x)};
  }

  // True when the last axis of `to` is made of whole last axes of `from`.
  static bool keeps_channels(const Shape& from, const Shape& to) {
    std::int64_t together = 1;
    for (int axis = from.rank() - 1; axis >= 0; --axis) {
      together *= from[axis];
      if (together >= to[-1]) break;
    }
    return together == to[-1];
  }

  static Channels tiled(const Channels& x, std::size_t width) {
    Channels y;
    for (std::size_t c = 0; c < width; ++c) y.push_back(x[c % x.size()]);
    return y;
  }

  // Zeros that are added have any factor.
  Channels padded(const NetworkValue& value, const Channels& x) {
    if (value.setting("value") != 0) return stopped(value);
    const std::size_t width = last(value.shape), before = static_cast<std::size_t>(value.settings.back().value);
    const std::size_t inside = last(input(value, 0)->shape);
    if (width == inside) return x;
    Channels y;
    for (std::size_t c = 0; c < width; ++c)
      y.push_back(c >= before && c < before + inside ? at(x, c - before) : system_.unknown());
    return y;
  }

  Channels concatenated(const NetworkValue& value) {
    Channels y;
    const bool across = value.setting("axis") == static_cast<double>(value.shape.rank() - 1);
    for (std::size_t k = 0; k < value.inputs.size(); ++k) {
      const Channels x = of(value, k);
      const NetworkValue* const from = input(value, k);
      if (!across) {
        y = y.empty() ? x : equal(y, x);
        continue;
      }
      if (from == nullptr) return stopped(value);
      for (std::size_t c = 0; c < last(from->shape); ++c) y.push_back(at(x, c));
    }
    return y;
  }

  const Network& network_;
  const std::vector<bool>& inert_;
  const TravelRules& own_;
  bool absorb_;
  const std::vector<bool>& felt_;
  LinearSystem system_;
  std::vector<Channels> columns_, rows_;  // of the parameters
  std::vector<Channels> scales_;          // of the values
};

// An eps that turns out to be felt makes equations of its own, so the walk begins again.
std::vector<Symmetry> walked(const Network& network, const std::vector<bool>& inert, const TravelRules& own,
                             bool absorb) {
  std::vector<bool> felt(network.values.size(), false);
  const bool has_eps = std::ranges::any_of(network.values, [](const NetworkValue& v) { return v.eps >= 0; });
  for (;;) {
    ScaleWalk walk(network, inert, own, absorb, felt);
    const std::vector<std::size_t> more = has_eps ? walk.felt_eps() : std::vector<std::size_t>{};
    if (more.empty()) return walk.symmetries();
    for (const std::size_t i : more) felt[i] = true;
  }
}

}  // namespace

std::vector<bool> inert_parameters(const Network& network, const std::vector<Symmetry>& known) {
  std::vector<bool> inert(network.parameters.size(), false);
  for (const Symmetry& s : known) {
    const auto p = static_cast<std::size_t>(s.parts[0].parameter);
    if (s.kind == Symmetry::Kind::shift && network.parameters[p].parameter->shape().rank() < 2 &&
        s.granularity() == "channel")
      inert[p] = true;
  }
  return inert;
}

std::vector<Symmetry> scale_symmetries(const Network& network, const std::vector<Symmetry>& shifts,
                                       const TravelRules& own) {
  const std::vector<bool> inert = inert_parameters(network, shifts);
  std::vector<Symmetry> found;
  for (Symmetry& s : walked(network, inert, own, false))
    if (s.kind == Symmetry::Kind::scale) found.push_back(std::move(s));
  for (Symmetry& s : walked(network, inert, own, true))
    if (s.kind == Symmetry::Kind::rescale) found.push_back(std::move(s));
  return found;
}

}  // namespace ebb
