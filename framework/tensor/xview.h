/// \file
/// Ebb tensors as xtensor expressions, without a copy. The only public header that names a third-party type:
/// include it where you want xtensor, and link libxtensor-dev's headers.
#pragma once

#include <array>
#include <cstddef>
#include <vector>
#include <xtensor/xadapt.hpp>

#include "framework/tensor/tensor.h"

namespace ebb {

/// A read-only xtensor view of `tensor`, which must outlive it. T must be its element type.
/// Bind results of xtensor expressions to containers (`xt::xarray<T> y = ...`), never to `auto`:
/// an expression keeps references to temporaries.
template <class T>
auto xview(const Tensor& tensor) {
  const auto dims = tensor.shape().dims();
  const std::vector<std::size_t> shape(dims.begin(), dims.end());
  return xt::adapt(tensor.data<T>(), static_cast<std::size_t>(tensor.size()), xt::no_ownership(), shape);
}

/// As xview(), to be written: counts as an edit of the tensor.
template <class T>
auto mutable_xview(Tensor& tensor) {
  const auto dims = tensor.shape().dims();
  const std::vector<std::size_t> shape(dims.begin(), dims.end());
  return xt::adapt(tensor.mutable_data<T>(), static_cast<std::size_t>(tensor.size()), xt::no_ownership(), shape);
}

}  // namespace ebb
