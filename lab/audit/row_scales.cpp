// Scalings of the rows of a table: each place has a factor of its own, common to its channels.
#include <algorithm>

#include "lab/audit/op_kind.h"
#include "lab/audit/travel.h"

namespace ebb {
namespace {

using detail::kind_of;
using detail::OpKind;

enum class Factor : std::uint8_t { none, by_place, felt };

class RowWalk {
 public:
  explicit RowWalk(const Network& network) : network_(network), states_(network.values.size(), Factor::none) {}

  bool ignored(int p) {
    for (std::size_t i = 0; i < network_.values.size(); ++i) {
      const NetworkValue& value = network_.values[i];
      if (value.to_loss) states_[i] = result(value, p);
    }
    return states_[static_cast<std::size_t>(network_.loss)] == Factor::none;
  }

 private:
  Factor result(const NetworkValue& value, int p) const {
    bool any = false;
    for (std::size_t k = 0; k < value.inputs.size(); ++k) {
      if (value.inputs[k] < 0) continue;
      const auto from = static_cast<std::size_t>(value.inputs[k]);
      if (network_.values[from].parameter == p) return value.op == "embedding" ? Factor::by_place : Factor::felt;
      if (states_[from] == Factor::felt) return Factor::felt;
      any = any || states_[from] != Factor::none;
    }
    if (!any) return Factor::none;
    switch (kind_of(value.op)) {
      case OpKind::linear:
        return first(value) && value.inputs.size() == 2 && value.op == "linear" ? Factor::by_place : Factor::felt;
      case OpKind::norm: return first(value) && value.op == "layer_norm" ? Factor::none : Factor::felt;
      case OpKind::homogeneous: return Factor::by_place;
      case OpKind::product: return value.op == "mul" && first(value) ? Factor::by_place : Factor::felt;
      default: return Factor::felt;
    }
  }

  // Whether the first input alone has a factor.
  bool first(const NetworkValue& value) const {
    for (std::size_t k = 1; k < value.inputs.size(); ++k)
      if (value.inputs[k] >= 0 && states_[static_cast<std::size_t>(value.inputs[k])] != Factor::none) return false;
    return true;
  }

  const Network& network_;
  std::vector<Factor> states_;
};

}  // namespace

std::vector<Symmetry> row_symmetries(const Network& network) {
  std::vector<Symmetry> found;
  for (std::size_t i = 0; i < network.parameters.size(); ++i) {
    const NamedParameter& p = network.parameters[i];
    const bool used = std::ranges::any_of(network.values, [&](const NetworkValue& v) {
      return v.to_loss && v.op == "embedding" && v.inputs[0] >= 0 &&
             network.values[static_cast<std::size_t>(v.inputs[0])].parameter == static_cast<int>(i);
    });
    if (!used || !RowWalk(network).ignored(static_cast<int>(i))) continue;
    Symmetry rows;
    rows.kind = Symmetry::Kind::scale;
    rows.parts = {{.parameter = static_cast<int>(i), .path = p.path, .power = 1, .rows = true}};
    for (std::int64_t row = 0; row < p.parameter->shape()[0]; ++row) rows.units.push_back({{row}});
    found.push_back(std::move(rows));
  }
  return found;
}

}  // namespace ebb
