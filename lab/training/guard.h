/// \file
/// Guards of a training: NaN and infinity, and where they come from.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "framework/nn/layer.h"

namespace ebb {

/// What a training does when the loss or a gradient is NaN or infinite.
enum class OnNonFinite : std::uint8_t {
  abort,     ///< Throws an Error that names op, layer and parameter.
  skip,      ///< Leaves the batch out and goes on; running statistics stay as they were before it.
  rollback,  ///< Goes back to the last snapshot with a lower learning rate; aborts after some times.
};

/// "abort", "skip", "rollback".
const char* name(OnNonFinite policy);

/// The policy of that name. \throws Error with the known names.
OnNonFinite non_finite_policy(std::string_view name);

/// Their names.
std::vector<std::string> non_finite_names();

/// The buffers of a model (running statistics, counters) as they were, to be put back.
class BufferSnapshot {
 public:
  /// The model must outlive it.
  explicit BufferSnapshot(Module& model);
  void take();           ///< Copies the numbers; allocates nothing after the first time.
  void restore() const;  ///< Puts the numbers of the last take() back.

 private:
  std::vector<Tensor*> values_;
  std::vector<Tensor> copies_;
};

/// Paths of parameters whose gradient has NaN or infinity in it.
std::vector<std::string> non_finite_gradients(Module& model);

/// The first parameter or buffer with NaN or infinity in it: "the parameter conv.weight"; empty when there is none.
std::string non_finite_value(Module& model);

/// Where NaN or infinity first comes up in a training step: in the input, a parameter, the result of an op in a layer,
/// or a gradient that an op's backward rule computes. Runs the step once more, with a look at every result, and
/// restores gradients and buffers.
/// \param loss computes the loss of the step, recording. \param go_on asked between the passes, with whether all has
/// been finite so far: false leaves the backward pass out. \param when may be null; out: how many results came before
/// it. \returns a sentence such as `the result of log in layer "head"`; empty when everything is finite.
std::string find_non_finite(Layer& model, const Tensor& images, const std::function<Var()>& loss,
                            const std::function<bool(bool finite)>& go_on = std::identity(),
                            std::int64_t* when = nullptr);

}  // namespace ebb
