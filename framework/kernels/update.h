/// \file
/// Optimizer steps over contiguous arrays: one pass reads the gradient, the weight and the optimizer's state and
/// writes the state and the weight, decay included. One thread.
#pragma once

#include <stdint.h>

namespace ebb::kernels {

/// How the base update u comes from the gradient g and the state s[]; c[] are the rule's coefficients. Second moments
/// stop at the largest number, and u is 0 where its divisor is.
enum class UpdateRule : int {
  gradient,               ///< u = g
  given,                  ///< u = s[0], which is only read; g is not read
  momentum,               ///< s0 = c0 s0 + c1 g; u = c2 g + c3 s0
  moments,                ///< s0 = c0 s0 + c1 g; s1 = c2 s1 + c3 g^2; u = (c4 g + c5 s0) / (sqrt(c6 s1) + c7)
  moments_max,            ///< as moments, with s2 = max(s2, s1) in place of s1 under the root
  rms,                    ///< s0 = c0 s0 + c1 g^2; u = g / (sqrt(s0) + c2)
  rms_momentum,           ///< as rms, then s2 = c3 s2 + u; u = s2
  rms_centered,           ///< as rms, with s1 = c0 s1 + c1 g and max(s0 - s1^2, c4 s0) under the root
  rms_centered_momentum,  ///< as rms_centered, then s2 = c3 s2 + u; u = s2
  adagrad,                ///< s0 = s0 + g^2; u = c0 g / (sqrt(s0) + c1)
  adadelta,               ///< s0 = c0 s0 + c1 g^2; u = g sqrt(s1 + c2) / sqrt(s0 + c2); s1 = c0 s1 + c1 u^2
  lion,                   ///< u = sign(c0 s0 + c1 g); s0 = c2 s0 + c3 g
};

/// Whether a rule divides by the root of a second moment.
constexpr bool has_second_moment(UpdateRule rule) {
  using R = UpdateRule;
  return rule != R::gradient && rule != R::given && rule != R::momentum && rule != R::lion;
}

/// Arguments of one step of one parameter. With d = w - target:
///
///     g' = clamp(gradient_scale g, +-gradient_limit) + l2_gradient d + l1_gradient sign(d)
///     u  = rule(g', s) + l2_update d
///     w' = w - (lr u + shrink d)           shrink only where u d >= 0 when cautious
///     w  = target + soft(w' - target, threshold) / divide
///
/// When `out` is set, u is written there and w stays as it is.
template <class T>
struct UpdateArguments {
  T* w = nullptr;                         ///< The parameter.
  const T* g = nullptr;                   ///< Its gradient.
  T* s[3] = {nullptr, nullptr, nullptr};  ///< The optimizer's state, as the rule needs it.
  const T* target = nullptr;              ///< What decay pulls towards; null for zero.
  T* out = nullptr;                       ///< Where u goes; null to apply it.
  T c[8] = {0, 0, 0, 0, 0, 0, 0, 0};      ///< The rule's coefficients.
  T lr = 0;                               ///< Multiplier of u.
  T gradient_scale = 1;                   ///< Multiplier of g.
  T gradient_limit = 0;                   ///< Largest |g'| before decay; 0 for none.
  T l2_gradient = 0;                      ///< Coefficient of d in the gradient.
  T l1_gradient = 0;                      ///< Coefficient of sign(d) in the gradient.
  T l2_update = 0;                        ///< Coefficient of d in the update.
  T shrink = 0;                           ///< Coefficient of d beside the update.
  T divide = 1;                           ///< Divisor after the update.
  T threshold = 0;                        ///< Soft threshold after the update.
  bool cautious = false;                  ///< Whether shrink is masked.
};

/// Function pointers of the family for T = float or double; i counts elements.
template <class T>
struct Update {
  /// The step for begin <= i < end.
  void (*step)(UpdateRule rule, const UpdateArguments<T>& a, int64_t begin, int64_t end);
  /// Sum over begin <= i < end of what the rule would put under its root after this step; nothing is written.
  /// 0 for rules without a second moment.
  double (*second_moment)(UpdateRule rule, const UpdateArguments<T>& a, int64_t begin, int64_t end);
  /// Sum over begin <= i < end of g'^2, the gradient with its coupled decay.
  double (*gradient_squares)(const UpdateArguments<T>& a, int64_t begin, int64_t end);
};

}  // namespace ebb::kernels
