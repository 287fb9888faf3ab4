// An optimizer: b = mu b + g / max(|g|, floor), u = b, with the recipe's `momentum` and a key of its own.
#pragma once

#include <algorithm>
#include <array>
#include <memory>

#include <ebb/framework/compute/basic.h>
#include <ebb/lab/setup/extensions.h>

namespace user {

class UnitSgd : public ebb::Optimizer {
 public:
  UnitSgd(const ebb::Groups& groups, const ebb::CommonOptions& common, double floor)
      : ebb::Optimizer("unit_sgd", groups, common), floor_(floor) {}

 protected:
  std::array<const char*, 3> state_names() const override { return {"momentum"}; }
  void base_update(const ebb::Tensor& gradient, ebb::ParameterState& p, const ebb::StepContext& context,
                   ebb::Tensor& u) override {
    ebb::scale(p.s[0], context.momentum);
    ebb::axpy(1 / std::max(ebb::norm(gradient), floor_), gradient, p.s[0]);
    ebb::copy_into(u, p.s[0]);
  }

 private:
  double floor_;
};

inline std::unique_ptr<ebb::Optimizer> unit_sgd(const ebb::Groups& groups, const ebb::CommonOptions& common,
                                                const ebb::Recipe& recipe) {
  ebb::CommonOptions options = common;
  options.momentum = recipe.momentum.value_or(0.5);
  return std::make_unique<UnitSgd>(groups, options, recipe.own.at("norm_floor"));
}

}  // namespace user
