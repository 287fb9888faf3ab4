/// \file
/// Matrix products: blocked, packed, parallel over fixed blocks of the result.
#pragma once

#include <cstdint>

#include "framework/kernels/gemm.h"
#include "framework/tensor/tensor.h"

namespace ebb {

/// What a product does besides multiplying.
template <class T>
struct GemmOptions {
  bool add = false;         ///< c += a b instead of c = a b.
  const T* bias = nullptr;  ///< n numbers added to each row of c; not together with `add`.
  /// The k products of a sum belong to a batch, as in the gradient of weights: sums are cut as m, n and k together
  /// suggest. Otherwise a row of c has the same bits whatever other rows there are.
  bool over_batch = false;
  const T* packed = nullptr;  ///< What pack_factor() made of b, which then is not read.
};

/// Numbers of a right factor of k x n as gemm() reads it.
template <class T>
std::int64_t packed_factor(std::int64_t n, std::int64_t k);

/// Writes so many numbers.
template <class T>
void pack_factor(std::int64_t n, std::int64_t k, const kernels::Strided<T>& b, T* out);

/// c = a b for a of m x k, b of k x n and c of m x n numbers, rows of c `c_row` elements apart. A transposed factor is
/// one with its strides exchanged. Sums run in a fixed order that depends on k alone, or with over_batch on all sizes.
/// Uses scratch slots 0, 1 and 2; may be called from inside a parallel loop that uses others.
template <class T>
void gemm(std::int64_t m, std::int64_t n, std::int64_t k, const kernels::Strided<T>& a, const kernels::Strided<T>& b,
          T* c, std::int64_t c_row, const GemmOptions<T>& options = {});

/// The product of two matrices, each transposed first where the flag says so: op(a) `[m, k]`, op(b) `[k, n]` ->
/// `[m, n]`. f32 or f64. With transpose_a, as in the gradient of weights, rows of a are taken for a batch that is
/// summed over; otherwise a row of the result has the same bits whatever other rows there are. \throws Error on ranks
/// other than 2, inner dimensions that differ, or differing dtypes.
Tensor matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b);

/// matmul() plus bias `[n]` on every row; an undefined bias adds nothing.
Tensor matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, const Tensor& bias);

}  // namespace ebb
