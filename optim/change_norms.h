/// \file
/// By how much each step moves each parameter.
#pragma once

#include <map>
#include <string>

#include "framework/tensor/tensor.h"
#include "optim/step_observer.h"

namespace ebb {

class Optimizer;

/// Measures the norm of what the last step did to each parameter, at the price of a copy of one parameter at a time:
///
/// <!-- code: tests/docs/header_examples_test.cpp change_norms -->
/// ```cpp
/// ChangeNorms changes(optimizer);
/// optimizer.step();
/// std::cout << report(optimizer, {.parameters = true, .changes = &changes});
/// ```
class ChangeNorms : public StepObserver {
 public:
  /// Looks on from now on; must end before the optimizer does.
  explicit ChangeNorms(Optimizer& optimizer);
  ~ChangeNorms() override;
  ChangeNorms(const ChangeNorms&) = delete;
  ChangeNorms& operator=(const ChangeNorms&) = delete;

  /// Norm of the change of a parameter by the last step that updated it; NaN when none did.
  double of(const std::string& path) const;

  void before(const ParameterState& p, const Step& step) override;
  void after(const ParameterState& p, const Step& step) override;

 private:
  Optimizer& optimizer_;
  Tensor before_;
  std::map<std::string, double> norms_;
};

}  // namespace ebb
