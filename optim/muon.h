/// \file
/// Muon: orthogonalised momentum for matrices, Adam for the rest.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "optim/elementwise.h"

namespace ebb {

/// Options of Muon.
struct MuonOptions {
  double lr = 0.02;                            ///< Base learning rate of the matrices.
  double momentum = 0.95;                      ///< mu of the matrices, beta1 of the rest unless their group sets it.
  bool nesterov = true;                        ///< Nesterov's form.
  int iterations = 5;                          ///< Newton-Schulz steps.
  std::vector<std::string> adam_groups = {};   ///< Groups of the table that Adam updates.
  double adam_lr = 1e-3;                       ///< Base learning rate of those.
  double adam_beta2 = 0.999;                   ///< Adam's beta2.
  double adam_eps = 1e-8;                      ///< Adam's eps.
  Schedule schedule = {};                      ///< Multiplies both rates.
  Schedule momentum_schedule = {};             ///< Multiplies momentum and beta1.
  std::optional<Decay> decay = {};             ///< For groups that set none; unset: none.
  GradientOptions gradient = {};               ///< Clipping, accumulation and so on.
  std::optional<PlateauOptions> plateau = {};  ///< Reduce-on-plateau.
};

/// For a parameter of rank 2 or more, seen as a matrix of `out` columns (the last axis):
///
///     b = mu b + (1 - mu) g;  x = b, or mu b + (1 - mu) g with nesterov
///     u = sqrt(max(1, columns / rows)) orthogonal(x)
///
/// with orthogonal(x) = the quintic Newton-Schulz iteration x <- 3.4445 x - 4.7750 (x x') x + 2.0315 (x x')^2 x from
/// x / |x|, whose singular values end near 1. Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/. Decay
/// stands beside the update (coupled kinds go through the orthogonalisation, as in MLX).
/// Biases, norms, embeddings and the output layer belong to groups listed in adam_groups.
class Muon : public ElementwiseOptimizer {
 public:
  /// \throws Error when adam_groups names no group, or a parameter of another group is no matrix.
  Muon(Groups groups, MuonOptions options = {});

 protected:
  std::array<const char*, 3> state_names() const override { return {"momentum", "second_moment"}; }
  Tensor initial_state(const ParameterState& p, std::size_t k) const override;
  detail::BaseRule base_rule(const ParameterState& p, const StepContext& context) const override;
  UpdateModel response(std::size_t group, double momentum) const override;
  void update(ParameterState& p, const Step& step) override;
  std::string settings() const override;

 private:
  std::vector<bool> adam_;  // by group
  bool nesterov_;
  int iterations_;
  double beta2_, eps_;
};

/// The matrix with singular values near 1 that Newton-Schulz makes of x `[rows, columns]` in `iterations` steps.
Tensor orthogonalized(const Tensor& x, int iterations = 5);

}  // namespace ebb
