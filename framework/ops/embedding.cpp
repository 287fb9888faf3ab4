#include "framework/ops/embedding.h"

#include <cstring>

#include "framework/compute/basic.h"
#include "framework/compute/blocks.h"
#include "framework/compute/instruction_set.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

void require_indices(const Tensor& indices, std::int64_t rows) {
  const std::span<const std::int64_t> index = indices.span<std::int64_t>();
  for (std::size_t i = 0; i < index.size(); ++i)
    if (index[i] < 0 || index[i] >= rows)
      fail("embedding", text("index ", index[i], " at position ", i, " of ", indices.shape()),
           text("0 to ", rows - 1, ", the rows of the table"));
}

}  // namespace

Var embedding(const Var& table, const Tensor& indices) {
  require_defined("embedding", "table", table.value());
  require_defined("embedding", "indices", indices);
  if (table.rank() != 2) fail("embedding", text("a table of shape ", table.shape()), "[rows, width]");
  if (is_float(indices.dtype())) fail("embedding", text("indices of type ", indices.dtype()), "i64, i32 or u8");
  if (indices.rank() == Shape::max_rank)
    fail("embedding", text("indices of shape ", indices.shape()), text("at most ", Shape::max_rank - 1, " axes"));
  const Tensor chosen = cast(indices, DType::i64);
  const std::int64_t rows = table.dim(0);
  const std::int64_t width = table.dim(1);
  require_indices(chosen, rows);
  Tensor y(indices.shape().insert(indices.rank(), width), table.dtype());
  const std::size_t bytes = static_cast<std::size_t>(width) * size_of(table.dtype());
  const std::byte* const from = table.value().bytes().data();
  std::byte* const to = y.mutable_bytes().data();
  const std::int64_t* const index = chosen.data<std::int64_t>();
  parallel::for_blocks(chosen.size(), row_block(width), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      std::memcpy(to + static_cast<std::size_t>(i) * bytes, from + static_cast<std::size_t>(index[i]) * bytes, bytes);
  });
  return record(
      "embedding", {table}, std::move(y), [chosen = Saved(chosen), rows, width](const Tensor& dy, InputGrads& dx) {
        Tensor gradient = Tensor::zeros({rows, width}, dy.dtype());
        const std::span<const std::int64_t> used = chosen->span<std::int64_t>();
        dispatch("embedding", dy.dtype(), [&](auto zero) {
          using T = decltype(zero);
          const auto add = kernels_of<T>().elementwise.add;
          const T* const up = dy.data<T>();
          T* const into = gradient.mutable_data<T>();
          // A block owns some rows of the table and reads all indices: every row is added up by one thread, in order.
          parallel::for_blocks(rows, parallel::block_count(rows, 16), [&](std::int64_t begin, std::int64_t end) {
            for (std::size_t i = 0; i < used.size(); ++i) {
              if (used[i] < begin || used[i] >= end) continue;
              T* const row = into + used[i] * width;
              add(row, up + static_cast<std::int64_t>(i) * width, row, width);
            }
          });
        });
        dx.add(0, std::move(gradient));
      });
}

}  // namespace ebb
