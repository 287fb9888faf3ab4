/// \file
/// Ops that are one kernel of the activation family. Included by sources of ops only.
#pragma once

#include <algorithm>
#include <array>
#include <initializer_list>

#include "framework/autograd/repeat.h"
#include "framework/compute/blocks.h"
#include "framework/compute/instruction_set.h"
#include "framework/parallel/parallel.h"

namespace ebb {

/// What the derivative of an elementwise function is computed from.
enum class Keep : bool {
  input,   ///< x
  output,  ///< f(x)
};

/// About how much more than an addition an element costs; sets the size of blocks.
enum class Cost : std::int64_t {
  cheap = 1,           ///< Comparisons and arithmetic.
  transcendental = 4,  ///< exp, log, tanh, erf.
};

/// What a function of x and one or two numbers is given of these.
struct UnaryTerms {
  UnaryTerms(std::initializer_list<OpSetting> given = {}) : count(given.size()) {
    std::copy(given.begin(), given.end(), list.begin());
  }
  std::array<OpSetting, 2> list{};  ///< In the order in which the kernels take them.
  std::size_t count;                ///< How many the graph shows.
};

/// y = f(x) on the tape. `pick` captures nothing and chooses the kernels: `[](const auto& k) { return k.relu; }`.
/// \param terms up to two settings of the op, whose values the kernels get.
template <class Pick>
Var unary(const char* op, const Var& x, Keep keep, Cost cost, Pick pick, const UnaryTerms& terms = {}) {
  require_defined(op, "x", x.value());
  const double alpha = terms.list[0].value, beta = terms.list[1].value;
  const std::int64_t block = elementwise_block / static_cast<std::int64_t>(cost);
  Tensor y(x.shape(), x.dtype());
  dispatch(op, x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto forward = pick(kernels_of<T>().activation).forward;
    const T* const from = x.value().data<T>();
    T* const to = y.mutable_data<T>();
    parallel::for_blocks(y.size(), block, [&](std::int64_t begin, std::int64_t end) {
      forward(from + begin, to + begin, end - begin, static_cast<T>(alpha), static_cast<T>(beta));
    });
  });
  const Tensor kept = keep == Keep::input ? x.value() : y;
  Var out = record(OpLabel(op, std::span(terms.list).first(terms.count)), {x}, std::move(y),
                   [kept = Saved(kept), pick, block, alpha, beta](const Tensor& dy, InputGrads& dx) {
                     const Tensor& saved = *kept;
                     Tensor gradient(dy.shape(), dy.dtype());
                     dispatch("backward", dy.dtype(), [&](auto zero) {
                       using T = decltype(zero);
                       const auto backward = pick(kernels_of<T>().activation).backward;
                       const T* const from = saved.data<T>();
                       const T* const up = dy.data<T>();
                       T* const to = gradient.mutable_data<T>();
                       parallel::for_blocks(dy.size(), block, [&](std::int64_t begin, std::int64_t end) {
                         backward(from + begin, up + begin, to + begin, end - begin, static_cast<T>(alpha),
                                  static_cast<T>(beta));
                       });
                     });
                     dx.add(0, std::move(gradient));
                   });
  return repeatable(std::move(out), [=](std::span<const Var> in) { return unary(op, in[0], keep, cost, pick, terms); });
}

}  // namespace ebb
