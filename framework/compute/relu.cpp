#include "framework/compute/relu.h"

#include "framework/compute/blocks.h"
#include "framework/compute/instruction_set.h"
#include "framework/parallel/parallel.h"

namespace ebb {

void rectify(Tensor& x) {
  dispatch("relu", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* const data = x.mutable_data<T>();
    parallel::for_blocks(x.size(), elementwise_block, [&](std::int64_t begin, std::int64_t end) {
      kernels_of<T>().activation.relu.forward(data + begin, data + begin, end - begin, T(0), T(0));
    });
  });
}

Tensor relu_gradient(const Tensor& y, const Tensor& dy) {
  Tensor gradient(dy.shape(), dy.dtype());
  dispatch("relu", dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from = y.data<T>();
    const T* const up = dy.data<T>();
    T* const to = gradient.mutable_data<T>();
    parallel::for_blocks(dy.size(), elementwise_block, [&](std::int64_t begin, std::int64_t end) {
      kernels_of<T>().activation.relu.backward(from + begin, up + begin, to + begin, end - begin, T(0), T(0));
    });
  });
  return gradient;
}

}  // namespace ebb
