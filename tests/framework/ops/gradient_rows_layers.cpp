// Rows of the gradient table: what layers are made of. Convolutions, products, pooling, dropout.
#include "framework/ops/convolution.h"
#include "framework/ops/dropout.h"
#include "framework/ops/matmul.h"
#include "framework/ops/pooling.h"
#include "tests/framework/ops/gradient_table.h"

namespace ebb::test {
namespace {

constexpr CaseOptions never_twice(double k) { return {.k = k, .twice = false}; }

double product(const Shape& shape) { return static_cast<double>(shape.size()); }

// A convolution with and without a bias. x is [n, h, w, in], weight [kh, kw, in / groups, out].
void convolution(Row& row, const std::string& name, const Shape& x, const Shape& weight,
                 const Conv2dGeometry& geometry = {}, const Conv2dCall& call = {}) {
  const auto seed = static_cast<std::uint64_t>(row.cases.size()) * 10;
  const double k = std::max(product(weight) / static_cast<double>(weight[-1]), product(x) / static_cast<double>(x[-1]));
  const std::vector<Tensor> all{numbers(x, seed), numbers(weight, seed + 1), numbers({weight[-1]}, seed + 2)};
  row.add(
      name, all, [=](std::span<const Var> in) { return conv2d(in[0], in[1], in[2], geometry, call); }, never_twice(k));
  row.add(
      name + " no bias", {all[0], all[1]},
      [=](std::span<const Var> in) { return conv2d(in[0], in[1], {}, geometry, call); }, never_twice(k));
}

void transposed(Row& row, const std::string& name, const Shape& x, const Shape& weight,
                const ConvTranspose2dGeometry& geometry = {}) {
  const auto seed = static_cast<std::uint64_t>(row.cases.size()) * 10 + 5;
  const double k = product(weight) + product(x);
  const std::int64_t out = weight[-1] * geometry.groups;
  const std::vector<Tensor> all{numbers(x, seed), numbers(weight, seed + 1), numbers({out}, seed + 2)};
  row.add(
      name, all, [geometry](std::span<const Var> in) { return conv_transpose2d(in[0], in[1], in[2], geometry); },
      never_twice(k));
  row.add(
      name + " no bias", {all[0], all[1]},
      [geometry](std::span<const Var> in) { return conv_transpose2d(in[0], in[1], {}, geometry); }, never_twice(k));
}

void pooling(Row& row, const std::function<Var(const Var&, const PoolGeometry&)>& f) {
  struct Pooled {
    const char* name;
    Shape x;
    PoolGeometry geometry;
  };
  const std::vector<Pooled> all{
      {"", {2, 4, 4, 3}, {}},
      {"one channel", {1, 5, 7, 1}, {}},
      {"17 channels", {1, 2, 4, 17}, {}},
      {"5 channels", {2, 3, 3, 5}, {.kernel = {3, 3}}},
      {"overlapping", {1, 5, 4, 3}, {.kernel = {3, 2}, .stride = {1, 1}}},
      {"padding", {1, 4, 5, 3}, {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}},
      {"padding not counted",
       {2, 3, 3, 3},
       {.kernel = {2, 3}, .stride = {2, 1}, .padding = {1, 1}, .count_padding = false}},
      {"whole image", {1, 3, 4, 5}, {.kernel = {3, 4}}},
      {"one pixel", {1, 1, 1, 5}, {.kernel = {1, 1}}},
      {"gaps", {1, 5, 5, 2}, {.kernel = {1, 2}, .stride = {2, 3}}},
      {"ceil", {1, 5, 4, 3}, {.kernel = {2, 3}, .ceil_mode = true}},
      {"ceil, padding", {2, 4, 6, 2}, {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}, .ceil_mode = true}},
      {"dilation", {1, 5, 6, 3}, {.kernel = {2, 2}, .stride = {1, 2}, .dilation = {2, 3}}},
      {"dilation, padding", {1, 4, 5, 5}, {.kernel = {2, 3}, .padding = {1, 2}, .dilation = {3, 2}}},
      {"same", {2, 5, 4, 3}, {.kernel = {2, 3}, .stride = {1, 2}, .same_padding = true}},
      {"same, not counted",
       {1, 5, 5, 2},
       {.kernel = {3, 2}, .stride = {2, 1}, .same_padding = true, .count_padding = false}},
  };
  std::uint64_t seed = 600;
  for (const Pooled& p : all)
    row.add(p.name, {distinct(p.x, ++seed)},
            [f, geometry = p.geometry](std::span<const Var> in) { return f(in[0], geometry); },
            {.k = static_cast<double>(p.geometry.kernel[0] * p.geometry.kernel[1])});
}

void adaptive(Row& row, Var (*f)(const Var&, std::array<std::int64_t, 2>)) {
  const std::vector<std::pair<Shape, std::array<std::int64_t, 2>>> all{{{2, 5, 7, 3}, {2, 3}},  {{1, 4, 6, 5}, {2, 3}},
                                                                       {{1, 3, 4, 17}, {1, 1}}, {{1, 3, 5, 1}, {0, 2}},
                                                                       {{1, 2, 3, 2}, {3, 5}},  {{1, 1, 1, 3}, {2, 2}}};
  for (const auto& [x, output] : all)
    row.add(text(output[0], " x ", output[1]), {distinct(x, 650)},
            [f, output = output](std::span<const Var> in) { return f(in[0], output); }, {.k = product(x)});
}

}  // namespace

void add_convolution_rows(Table& table) {
  Row& conv = table.row("conv2d");
  convolution(conv, "", {2, 5, 4, 3}, {3, 3, 3, 5});
  convolution(conv, "padding", {1, 4, 5, 3}, {3, 3, 3, 5}, {.padding = {1, 1}});
  convolution(conv, "stride", {2, 5, 6, 3}, {3, 2, 3, 3}, {.stride = {2, 3}, .padding = {1, 0}});
  convolution(conv, "dilation", {1, 6, 7, 2}, {3, 2, 2, 3}, {.padding = {2, 1}, .dilation = {2, 3}});
  convolution(conv, "stride and dilation", {1, 7, 7, 3}, {3, 3, 3, 2},
              {.stride = {2, 2}, .padding = {2, 2}, .dilation = {2, 2}});
  convolution(conv, "one pixel", {2, 1, 1, 5}, {1, 1, 5, 3});
  convolution(conv, "1x1", {1, 3, 2, 17}, {1, 1, 17, 5});
  convolution(conv, "1x1 stride", {2, 5, 4, 3}, {1, 1, 3, 5}, {.stride = {2, 2}});
  convolution(conv, "one channel", {2, 5, 5, 1}, {3, 3, 1, 1}, {.padding = {1, 1}});
  convolution(conv, "1 to 17", {1, 4, 4, 1}, {3, 3, 1, 17}, {.padding = {1, 1}});
  convolution(conv, "17 to 1", {1, 3, 3, 17}, {3, 3, 17, 1}, {.padding = {1, 1}});
  convolution(conv, "17 to 17", {1, 3, 4, 17}, {3, 3, 17, 17}, {.padding = {1, 1}});
  convolution(conv, "groups", {2, 4, 3, 6}, {3, 3, 2, 9}, {.padding = {1, 1}, .groups = 3});
  convolution(conv, "groups, stride", {1, 5, 5, 4}, {2, 2, 2, 2}, {.stride = {2, 2}, .groups = 2});
  convolution(conv, "depthwise 3", {2, 5, 4, 3}, {3, 3, 1, 3}, {.padding = {1, 1}, .groups = 3});
  convolution(conv, "depthwise 17", {1, 4, 4, 17}, {3, 3, 1, 17}, {.stride = {2, 1}, .padding = {1, 1}, .groups = 17});
  convolution(conv, "depthwise x 2", {1, 4, 3, 5}, {3, 3, 1, 10}, {.padding = {1, 1}, .groups = 5});
  convolution(conv, "depthwise dilation", {1, 6, 6, 5}, {3, 3, 1, 5},
              {.padding = {2, 2}, .dilation = {2, 2}, .groups = 5});
  convolution(conv, "filter as large as the image", {2, 3, 4, 3}, {3, 4, 3, 5});
  convolution(conv, "filter larger than the image", {1, 2, 2, 3}, {3, 3, 3, 2}, {.padding = {1, 1}});
  convolution(conv, "more padding than filter", {1, 2, 3, 3}, {2, 2, 3, 2}, {.padding = {3, 3}});
  convolution(conv, "same", {1, 4, 5, 3}, {3, 3, 3, 5}, {.same_padding = true});
  convolution(conv, "same, even filter", {2, 4, 3, 2}, {2, 4, 2, 3}, {.same_padding = true});
  convolution(conv, "same, stride", {1, 5, 6, 3}, {3, 2, 3, 2}, {.stride = {2, 3}, .same_padding = true});
  convolution(conv, "same, stride and dilation", {1, 6, 5, 2}, {3, 2, 2, 3},
              {.stride = {2, 1}, .dilation = {1, 3}, .same_padding = true});
  convolution(conv, "same, groups", {1, 4, 5, 4}, {2, 3, 2, 2}, {.stride = {1, 2}, .same_padding = true, .groups = 2});
  convolution(conv, "same, depthwise", {1, 5, 4, 5}, {4, 2, 1, 5},
              {.stride = {2, 2}, .same_padding = true, .groups = 5});
  convolution(conv, "same, 1x1 stride", {1, 4, 5, 3}, {1, 1, 3, 2}, {.stride = {2, 2}, .same_padding = true});
  convolution(conv, "channel sums", {2, 4, 4, 3}, {3, 3, 3, 5}, {.padding = {1, 1}}, {.channel_sums = true});
  convolution(conv, "channel sums, 17", {1, 4, 4, 3}, {3, 3, 3, 17}, {}, {.channel_sums = true});

  Row& transpose = table.row("conv_transpose2d");
  transposed(transpose, "", {2, 3, 2, 3}, {3, 3, 3, 5});
  transposed(transpose, "padding", {1, 3, 4, 3}, {3, 3, 3, 2}, {.padding = {1, 1}});
  transposed(transpose, "stride", {1, 3, 2, 3}, {3, 2, 3, 5}, {.stride = {2, 3}, .padding = {1, 0}});
  transposed(transpose, "output padding", {2, 2, 3, 3}, {3, 3, 3, 2},
             {.stride = {2, 2}, .padding = {1, 1}, .output_padding = {1, 1}});
  transposed(transpose, "dilation", {1, 3, 3, 2}, {2, 3, 2, 3}, {.padding = {1, 1}, .dilation = {2, 2}});
  transposed(transpose, "one pixel", {2, 1, 1, 5}, {2, 2, 5, 3}, {.stride = {2, 2}});
  transposed(transpose, "one channel", {1, 3, 3, 1}, {3, 3, 1, 1}, {.padding = {1, 1}});
  transposed(transpose, "17 to 3", {1, 2, 3, 17}, {2, 2, 17, 3}, {.stride = {2, 2}});
  transposed(transpose, "5 to 17", {1, 2, 2, 5}, {3, 3, 5, 17}, {.padding = {1, 1}});
  transposed(transpose, "groups", {1, 3, 2, 6}, {3, 3, 6, 2}, {.stride = {2, 2}, .padding = {1, 1}, .groups = 3});
  transposed(transpose, "depthwise", {2, 3, 3, 5}, {3, 3, 5, 1}, {.stride = {2, 2}, .padding = {1, 1}, .groups = 5});
}

void add_matmul_rows(Table& table) {
  Row& row = table.row("matmul");
  const auto multiply = [](std::span<const Var> in) { return matmul(in[0], in[1]); };
  for (const std::int64_t m : {1, 3, 5, 17})
    for (const std::int64_t k : {1, 3, 17})
      for (const std::int64_t n : {1, 5, 17})
        row.add("", {numbers({m, k}, 1), numbers({k, n}, 2)}, multiply,
                {.k = static_cast<double>(std::max({m, k, n}))});
  row.add("batch", {numbers({3, 2, 5}, 3), numbers({3, 5, 3}, 4)}, multiply, {.k = 5});
  row.add("batch of one", {numbers({1, 3, 1}, 5), numbers({1, 1, 17}, 6)}, multiply, {.k = 17});
  row.add("square batch", {numbers({2, 3, 3}, 7), numbers({2, 3, 3}, 8)}, multiply, {.k = 3});
  row.add("two axes of batches", {numbers({2, 1, 2, 3}, 9), numbers({2, 1, 3, 2}, 10)}, multiply, {.k = 3});
  const std::vector<std::array<Shape, 2>> broadcasts{
      {Shape{2, 3, 4}, Shape{4, 5}},    {Shape{2, 4}, Shape{3, 4, 1}},       {Shape{1, 2, 3}, Shape{9, 3, 2}},
      {Shape{3, 2, 3}, Shape{1, 3, 5}}, {Shape{2, 1, 2, 3}, Shape{3, 3, 1}}, {Shape{1, 17}, Shape{1, 17, 3}}};
  for (const auto& [a, b] : broadcasts) row.add("broadcast", {numbers(a, 17), numbers(b, 18)}, multiply, {.k = 27});

  Row& dense = table.row("linear");
  for (const std::int64_t in_features : {1, 3, 5, 17})
    for (const std::int64_t out : {1, 3, 5, 17})
      for (const std::int64_t n : {1, 4}) {
        const std::vector<Tensor> all{numbers({n, in_features}, 11), numbers({in_features, out}, 12),
                                      numbers({out}, 13)};
        const auto k = static_cast<double>(std::max({n, in_features, out}));
        dense.add("", all, [](std::span<const Var> in) { return linear(in[0], in[1], in[2]); }, {.k = k});
        dense.add("no bias", {all[0], all[1]}, [](std::span<const Var> in) { return linear(in[0], in[1]); }, {.k = k});
      }
  dense.add("more axes", {numbers({2, 3, 1, 5}, 14), numbers({5, 3}, 15), numbers({3}, 16)},
            [](std::span<const Var> in) { return linear(in[0], in[1], in[2]); }, {.k = 6});

  pooling(table.row("max_pool2d"), [](const Var& x, const PoolGeometry& geometry) { return max_pool2d(x, geometry); });
  pooling(table.row("avg_pool2d"), [](const Var& x, const PoolGeometry& geometry) { return avg_pool2d(x, geometry); });
  adaptive(table.row("adaptive_max_pool2d"), adaptive_max_pool2d);
  adaptive(table.row("adaptive_avg_pool2d"), adaptive_avg_pool2d);
  Row& global = table.row("global_avg_pool2d");
  for (const Shape& shape : {Shape{2, 3, 4, 3}, Shape{1, 1, 1, 5}, Shape{1, 5, 1, 17}, Shape{3, 4, 4, 1}})
    global.add("", {numbers(shape, 20)}, [](std::span<const Var> in) { return global_avg_pool2d(in[0]); },
               {.k = static_cast<double>(shape[1] * shape[2])});

  Row& drop = table.row("dropout");
  for (const double p : {0.0, 0.3, 0.5, 1.0})
    for (const Shape& shape : {Shape{}, Shape{1, 5}, Shape{7, 17}, Shape{2, 3, 3, 3}})
      drop.add(text("p ", p), {numbers(shape, 21)}, [p](std::span<const Var> in) { return dropout(in[0], p, Rng(7)); });
}

}  // namespace ebb::test
