/// \file
/// What looks on at the updates of an optimizer.
#pragma once

#include <cstdint>

namespace ebb {

struct ParameterState;
struct Step;

/// Looks on at updates, parameter by parameter: `optimizer.add(observer)`. Gradients are as Parameter::grad() holds
/// them; Step says what clipping and accumulation make of them. Nothing that it does may throw or change what it sees.
class StepObserver {
 public:
  virtual ~StepObserver() = default;
  /// Asked once in each step, before the first parameter, with the number of updates made before: false leaves it in
  /// peace until the next.
  virtual bool wants(std::int64_t /*step*/) { return true; }
  /// Weight, gradient and state as they were. Parameters that are frozen, or skipped for want of a gradient, do not
  /// appear.
  virtual void before(const ParameterState& /*p*/, const Step& /*step*/) {}
  /// The same after its update and the group's after_step.
  virtual void after(const ParameterState& /*p*/, const Step& /*step*/) {}
  /// After the last parameter, with the number that wants() had.
  virtual void done(std::int64_t /*step*/) {}
};

}  // namespace ebb
