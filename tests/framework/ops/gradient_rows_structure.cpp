// Rows of the gradient table: shape, reduction, embedding, penalties.
#include <memory>

#include "framework/ops/arithmetic.h"
#include "framework/ops/embedding.h"
#include "framework/ops/penalty.h"
#include "framework/ops/reduction.h"
#include "framework/ops/shape.h"
#include "tests/framework/ops/gradient_table.h"

namespace ebb::test {
namespace {

// A function of parameters as one of values: gradients that reach the parameters go on to the inputs.
OpCall of_parameters(const std::function<Var(std::span<Parameter* const>)>& f) {
  struct Parameters {
    std::deque<Parameter> all;
    std::vector<Parameter*> pointers;
  };
  return [f](std::span<const Var> in) {
    const auto parameters = std::make_shared<Parameters>();
    for (const Var& x : in)
      parameters->pointers.push_back(&parameters->all.emplace_back("p", Role::weight, x.value().clone()));
    Tensor value;
    {
      const Tape::Pause pause;
      value = f(parameters->pointers).value();
    }
    return record("of_parameters", in, value, [parameters, f](const Tensor& dy, InputGrads& dx) {
      Tape tape;
      tape.backward(f(parameters->pointers), dy);
      for (std::size_t i = 0; i < parameters->all.size(); ++i) dx.add(static_cast<int>(i), parameters->all[i].grad());
    });
  };
}

// Every way to reduce a shape: no axes, each axis, pairs, all; with and without the reduced axes.
void reductions(Row& row, const std::function<Var(const Var&, const Axes&, KeepDims)>& f, bool needs_distinct) {
  struct Reduced {
    Shape shape;
    Axes axes;
    double k;
  };
  const std::vector<Reduced> all{{{}, {}, 1},
                                 {{1}, {}, 1},
                                 {{17}, {0}, 17},
                                 {{3, 5}, {}, 15},
                                 {{3, 5}, {0}, 3},
                                 {{3, 5}, {-1}, 5},
                                 {{5, 1}, {1}, 1},
                                 {{1, 17}, {0}, 1},
                                 {{9, 17}, {0}, 9},
                                 {{2, 3, 3, 5}, {1, 2}, 9},
                                 {{2, 3, 3, 5}, {0, 1, 2}, 18},
                                 {{2, 3, 1, 5}, {0, 2}, 2},
                                 {{2, 3, 2, 3}, {0, 2}, 4},
                                 {{2, 3, 2, 3}, {3, 1}, 9},
                                 {{2, 3, 2, 3}, {0, 1, 2, 3}, 36},
                                 {{1, 2, 1, 3}, {1, -1}, 6},
                                 {{40, 3}, {0}, 40}};
  std::uint64_t seed = 400;
  for (const Reduced& r : all)
    for (const KeepDims keep : {KeepDims::no, KeepDims::yes}) {
      const Tensor x = needs_distinct ? distinct(r.shape, ++seed) : numbers(r.shape, ++seed);
      row.add(keep == KeepDims::yes ? "keep_dims" : "", {x},
              [f, axes = r.axes, keep](std::span<const Var> in) { return f(in[0], axes, keep); }, {.k = r.k});
    }
}

}  // namespace

void add_reduction_rows(Table& table) {
  reductions(
      table.row("sum"), [](const Var& x, const Axes& axes, KeepDims keep) { return sum(x, axes, keep); }, false);
  reductions(
      table.row("mean"), [](const Var& x, const Axes& axes, KeepDims keep) { return mean(x, axes, keep); }, false);
  reductions(
      table.row("max"), [](const Var& x, const Axes& axes, KeepDims keep) { return max(x, axes, keep); }, true);
  reductions(
      table.row("logsumexp"), [](const Var& x, const Axes& axes, KeepDims keep) { return logsumexp(x, axes, keep); },
      false);

  Row& lookup = table.row("embedding");
  for (const std::int64_t width : {1, 3, 5, 17}) {
    const Tensor indices = Tensor::from<std::int64_t>({3, 0, 3, 1, 3, 0}, {2, 3});
    lookup.add("", {numbers({4, width}, 500)}, [indices](std::span<const Var> in) { return embedding(in[0], indices); },
               {.k = 3});
  }
  lookup.add("one index", {numbers({1, 3}, 501)},
             [](std::span<const Var> in) { return embedding(in[0], Tensor::from<std::uint8_t>({0}, {})); });

  // The gradient of the sum of squares is as large as the numbers; the sum itself, as their number.
  Row& squares = table.row("l2_penalty");
  Row& absolutes = table.row("l1_penalty");
  const OpCall l2 = of_parameters([](std::span<Parameter* const> all) { return l2_penalty(all, 0.3); });
  const OpCall l1 = of_parameters([](std::span<Parameter* const> all) { return l1_penalty(all, 0.3); });
  for (const Shape& shape : standard_shapes()) {
    const Tensor a = numbers(shape, 510, -2, 2, {0});
    squares.add("", {a}, l2);
    absolutes.add("", {a}, l1);
    squares.add("list", {a, numbers({3}, 511), numbers({2, 5}, 512)}, l2);
    absolutes.add("list", {a, numbers({3}, 511, -2, 2, {0}), numbers({2, 5}, 512, -2, 2, {0})}, l1);
  }
}

void add_shape_rows(Table& table) {
  const auto one = [](const std::function<Var(const Var&)>& f) {
    return [f](std::span<const Var> in) { return f(in[0]); };
  };
  Row& reshaped = table.row("reshape");
  reshaped.add("-1", {numbers({2, 3, 5}, 1)}, one([](const Var& x) { return reshape(x, {-1, 3}); }));
  reshaped.add("shape", {numbers({1, 17}, 2)}, one([](const Var& x) { return reshape(x, Shape{17, 1, 1}); }));
  reshaped.add("scalar", {numbers({1, 1}, 3)}, one([](const Var& x) { return reshape(x, Shape{}); }));
  reshaped.add("used twice", {numbers({2, 3}, 4)}, one([](const Var& x) {
                 return reshape(x, {3, 2}) * reshape(x * x, {3, 2});
               }));
  Row& flat = table.row("flatten");
  flat.add("", {numbers({2, 3, 1, 5}, 1)}, one([](const Var& x) { return flatten(x); }));
  flat.add("from 0", {numbers({2, 3}, 2)}, one([](const Var& x) { return flatten(x, 0); }));
  flat.add("from -2", {numbers({1, 2, 2, 3}, 3)}, one([](const Var& x) { return flatten(x, -2); }));
  flat.add("nothing to join", {numbers({3, 5}, 4)}, one([](const Var& x) { return flatten(x, 1); }));

  Row& moved = table.row("transpose");
  moved.add("", {numbers({3, 5}, 1)}, one([](const Var& x) { return transpose(x); }));
  moved.add("row", {numbers({1, 17}, 2)}, one([](const Var& x) { return transpose(x); }));
  moved.add("batch", {numbers({2, 3, 5}, 3)}, one([](const Var& x) { return transpose(x); }));
  moved.add("nchw", {numbers({2, 3, 4, 5}, 4)}, one([](const Var& x) { return transpose(x, {0, 3, 1, 2}); }));
  moved.add("nhwc", {numbers({2, 5, 3, 2}, 5)}, one([](const Var& x) { return transpose(x, {0, 2, 3, 1}); }));
  moved.add("cycle", {numbers({2, 1, 3}, 6)}, one([](const Var& x) { return transpose(x, {-1, 0, 1}); }));
  moved.add("nothing", {numbers({2, 3}, 7)}, one([](const Var& x) { return transpose(x, {0, 1}); }));
  moved.add("reverse", {numbers({2, 3, 1, 2, 3}, 8)}, one([](const Var& x) { return transpose(x, {4, 3, 2, 1, 0}); }));
  moved.add("used twice", {numbers({5, 5}, 9)}, one([](const Var& x) { return transpose(x) * x; }));

  Row& part = table.row("slice");
  for (const int axis : {0, 1, 2, -1}) {
    const Tensor x = numbers({5, 4, 3}, 10);
    part.add(text("axis ", axis), {x}, one([axis](const Var& v) { return slice(v, axis, 1, 3); }));
    part.add(text("step, axis ", axis), {x}, one([axis](const Var& v) { return slice(v, axis, 0, 3, 2); }));
    part.add(text("from the end, axis ", axis), {x}, one([axis](const Var& v) { return slice(v, axis, -2, -1); }));
  }
  part.add("all", {numbers({1, 17}, 11)}, one([](const Var& x) { return slice(x, 1, 0, 17); }));
  part.add("overlap", {numbers({5}, 12)}, one([](const Var& x) { return slice(x, 0, 0, 4) * slice(x, 0, 1, 5); }));

  Row& joined = table.row("concat");
  const auto join = [](int axis) { return [axis](std::span<const Var> in) { return concat(in, axis); }; };
  joined.add("one", {numbers({2, 3}, 1)}, join(0));
  for (const int axis : {0, 1, 2, -1}) {
    const Shape shape{2, 3, 5};
    joined.add(text("axis ", axis), {numbers(shape, 2), numbers(shape.with(axis, 1), 3), numbers(shape, 4)},
               join(axis));
  }
  joined.add("channels", {numbers({1, 2, 2, 1}, 5), numbers({1, 2, 2, 17}, 6), numbers({1, 2, 2, 3}, 7)}, join(3));
  joined.add("one tensor three times", {numbers({2, 3}, 8)},
             [](std::span<const Var> in) {
               return concat({in[0], in[0], in[0]}, 1);
             },
             {.k = 3});

  Row& padded = table.row("pad");
  padded.add("", {numbers({2, 3}, 1)}, one([](const Var& x) { return pad(x, {{1, 2}, {0, 1}}); }));
  padded.add("value", {numbers({3}, 2)}, one([](const Var& x) { return pad(x, {{2, 0}}, -1.5); }));
  padded.add("image", {numbers({1, 2, 3, 5}, 3)}, one([](const Var& x) {
               return pad(x, {{0, 0}, {1, 1}, {2, 1}, {0, 0}});
             }));
  padded.add("channels", {numbers({2, 1, 2, 17}, 4)}, one([](const Var& x) {
               return pad(x, {{0, 0}, {0, 0}, {0, 0}, {1, 3}});
             }));
  padded.add("nothing", {numbers({2, 2}, 5)}, one([](const Var& x) { return pad(x, {{0, 0}, {0, 0}}); }));
}

}  // namespace ebb::test
