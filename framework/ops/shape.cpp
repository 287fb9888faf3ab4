#include "framework/ops/shape.h"

#include <algorithm>

#include "framework/autograd/repeat.h"
#include "framework/compute/basic.h"
#include "framework/compute/strided.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

std::size_t at(int axis) { return static_cast<std::size_t>(axis); }

// a + b of two sizes.
std::int64_t added(const char* op, std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) fail(op, text("an axis of ", a, " + ", b), "a size that fits in 63 bits");
  return sum;
}

Var reshaped(const char* op, const Var& x, Tensor y) {
  return record(op, {x}, std::move(y), [](const Tensor& dy, InputGrads& dx) {
    if (dx.wants(0)) dx.add(0, dy.reshape(dx.shape(0)));
  });
}

using Order = std::array<int, Shape::max_rank>;

Var transpose_by(const Var& x, const Order& order) {
  Order inverse{};
  for (int i = 0; i < x.rank(); ++i) inverse[at(order[at(i)])] = i;
  std::array<OpSetting, Shape::max_rank> settings{};
  for (int i = 0; i < x.rank(); ++i) settings[at(i)] = {"axis", static_cast<double>(order[at(i)])};
  return repeatable(record({"transpose", std::span(settings).first(at(x.rank()))}, {x}, permute(x.value(), order),
                           [inverse](const Tensor& dy, InputGrads& dx) { dx.add(0, permute(dy, inverse)); }),
                    [order](std::span<const Var> in) { return transpose_by(in[0], order); });
}

// A box of numbers within a tensor: where it begins, and how far its neighbours are along each axis.
struct Box {
  std::int64_t offset = 0;  // in elements
  Strides strides{};
};

// to[to_box] = from[from_box] for `dims` numbers.
void copy_box(const Shape& dims, const Tensor& from, const Box& from_box, Tensor& to, const Box& to_box) {
  if (dims.size() == 0) return;
  const std::size_t bytes = size_of(from.dtype());
  copy_strided(dims, bytes, from.bytes().data() + static_cast<std::size_t>(from_box.offset) * bytes, from_box.strides,
               to.mutable_bytes().data() + static_cast<std::size_t>(to_box.offset) * bytes, to_box.strides);
}

// Along `axis` from `begin` in steps; whole along the others.
Box box_along(const Shape& shape, int axis, std::int64_t begin, std::int64_t step) {
  Box box{0, contiguous_strides(shape)};
  box.offset = begin * box.strides[at(axis)];
  box.strides[at(axis)] *= step;
  return box;
}

Box whole(const Shape& shape) { return {0, contiguous_strides(shape)}; }

}  // namespace

Var reshape(const Var& x, std::initializer_list<std::int64_t> dims) {
  require_defined("reshape", "x", x.value());
  return reshape(x, x.value().reshape(dims).shape());
}

Var reshape(const Var& x, const Shape& shape) {
  require_defined("reshape", "x", x.value());
  // Where the first axis stays, it is taken for the batch.
  const bool batch = x.rank() > 0 && shape.rank() > 0 && x.dim(0) == shape[0];
  return repeatable(reshaped("reshape", x, x.value().reshape(shape)), [shape, batch](std::span<const Var> in) {
    return reshape(in[0], batch ? shape.with(0, in[0].dim(0)) : shape);
  });
}

Var flatten(const Var& x, int first) {
  require_defined("flatten", "x", x.value());
  const int axis = x.shape().axis("flatten", first);
  std::int64_t joined = 1;
  for (int i = axis; i < x.rank(); ++i) joined *= x.dim(i);
  Shape shape = x.shape().with(axis, joined);
  while (shape.rank() > axis + 1) shape = shape.without(shape.rank() - 1);
  return repeatable(reshaped("flatten", x, x.value().reshape(shape)),
                    [first](std::span<const Var> in) { return flatten(in[0], first); });
}

Var transpose(const Var& x, std::initializer_list<int> order) {
  require_defined("transpose", "x", x.value());
  if (static_cast<int>(order.size()) != x.rank())
    fail("transpose", text(order.size(), " axes for a tensor of shape ", x.shape()), text(x.rank(), " axes"));
  Order full{};
  unsigned seen = 0;
  int i = 0;
  for (const int given : order) {
    const int axis = x.shape().axis("transpose", given);
    if ((seen >> static_cast<unsigned>(axis) & 1U) != 0)
      fail("transpose", text("axis ", given, " twice"), "each axis once");
    seen |= 1U << static_cast<unsigned>(axis);
    full[at(i++)] = axis;
  }
  return transpose_by(x, full);
}

Var transpose(const Var& x) {
  require_defined("transpose", "x", x.value());
  if (x.rank() < 2) fail("transpose", text("shape ", x.shape()), "at least two axes");
  Order order{};
  for (int i = 0; i < x.rank(); ++i) order[at(i)] = i;
  std::swap(order[at(x.rank() - 1)], order[at(x.rank() - 2)]);
  return transpose_by(x, order);
}

Var slice(const Var& x, int axis, std::int64_t begin, std::int64_t end, std::int64_t step) {
  require_defined("slice", "x", x.value());
  const int along = x.shape().axis("slice", axis);
  const std::int64_t n = x.dim(along);
  const std::int64_t first = begin < 0 ? begin + n : begin;
  const std::int64_t last = end < 0 ? end + n : end;
  if (first < 0 || last > n || first > last)
    fail("slice", text("elements ", begin, " to ", end, " of axis ", axis, " of shape ", x.shape()),
         text("0 <= begin <= end <= ", n, ", or negative numbers that count from the end"));
  if (step < 1) fail("slice", text("step ", step), "at least 1");
  step = std::min(step, std::max<std::int64_t>(1, n));  // longer steps go no further
  const Shape dims = x.shape().with(along, (last - first) / step + ((last - first) % step != 0 ? 1 : 0));
  Tensor y(dims, x.dtype());
  copy_box(dims, x.value(), box_along(x.shape(), along, first, step), y, whole(dims));
  const std::array settings{OpSetting{"axis", static_cast<double>(along)},
                            OpSetting{"begin", static_cast<double>(first)},
                            OpSetting{"step", static_cast<double>(step)}};
  return repeatable(record({"slice", settings}, {x}, std::move(y),
                           [along, first, step](const Tensor& dy, InputGrads& dx) {
                             if (!dx.wants(0)) return;
                             Tensor gradient = Tensor::zeros(dx.shape(0), dy.dtype());
                             copy_box(dy.shape(), dy, whole(dy.shape()), gradient,
                                      box_along(gradient.shape(), along, first, step));
                             dx.add(0, std::move(gradient));
                           }),
                    [=](std::span<const Var> in) { return slice(in[0], axis, begin, end, step); });
}

Var concat(std::span<const Var> parts, int axis) {
  if (parts.empty()) fail("concat", "an empty list", "at least one tensor");
  for (const Var& part : parts) require_defined("concat", "part", part.value());
  const Shape& shape = parts[0].shape();
  const int along = shape.axis("concat", axis);
  // Where each part begins; a tensor, since the rule keeps it and the pool's memory is free of cost.
  Tensor begins({static_cast<std::int64_t>(parts.size()) + 1}, DType::i64);
  const std::span<std::int64_t> begin = begins.mutable_span<std::int64_t>();
  begin[0] = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    require_same_dtype("concat", parts[0].value(), parts[i].value());
    if (parts[i].rank() != shape.rank() || !(parts[i].shape().with(along, 1) == shape.with(along, 1)))
      fail("concat", text("shapes ", shape, " and ", parts[i].shape()), text("equal shapes but for axis ", along));
    begin[i + 1] = added("concat", begin[i], parts[i].dim(along));
  }
  Tensor y(shape.with(along, begin[parts.size()]), parts[0].dtype());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Tensor& part = parts[i].value();
    copy_box(part.shape(), part, whole(part.shape()), y, box_along(y.shape(), along, begin[i], 1));
  }
  return repeatable(record({"concat", {{"axis", static_cast<double>(along)}}}, parts, std::move(y),
                           [begins, along](const Tensor& dy, InputGrads& dx) {
                             const std::span<const std::int64_t> from = begins.span<std::int64_t>();
                             for (int i = 0; i + 1 < static_cast<int>(from.size()); ++i) {
                               if (!dx.wants(i)) continue;
                               Tensor gradient(dx.shape(i), dy.dtype());
                               copy_box(gradient.shape(), dy, box_along(dy.shape(), along, from[at(i)], 1), gradient,
                                        whole(gradient.shape()));
                               dx.add(i, std::move(gradient));
                             }
                           }),
                    [axis](std::span<const Var> in) { return concat(in, axis); });
}

Var concat(std::initializer_list<Var> parts, int axis) {
  return concat(std::span<const Var>(parts.begin(), parts.size()), axis);
}

Var pad(const Var& x, std::span<const std::array<std::int64_t, 2>> amounts, double value) {
  require_defined("pad", "x", x.value());
  if (static_cast<int>(amounts.size()) != x.rank())
    fail("pad", text(amounts.size(), " pairs for a tensor of shape ", x.shape()), text("one pair for each axis"));
  Shape shape = x.shape();
  std::int64_t offset = 0;
  std::array<std::array<std::int64_t, 2>, Shape::max_rank> kept{};
  std::ranges::copy(amounts, kept.begin());
  for (int i = 0; i < x.rank(); ++i) {
    const auto& [before, after] = amounts[at(i)];
    if (before < 0 || after < 0)
      fail("pad", text("{", before, ", ", after, "} for axis ", i), "amounts of at least 0",
           "slice() cuts elements off");
    shape = shape.with(i, added("pad", added("pad", x.dim(i), before), after));
  }
  const Strides strides = contiguous_strides(shape);
  for (int i = 0; i < x.rank(); ++i) offset += amounts[at(i)][0] * strides[at(i)];
  Tensor y = Tensor::full(shape, value, x.dtype());
  copy_box(x.shape(), x.value(), whole(x.shape()), y, {offset, strides});
  std::array<OpSetting, Shape::max_rank + 1> settings{OpSetting{"value", value}};
  for (int i = 0; i < x.rank(); ++i) settings[at(i + 1)] = {"before", static_cast<double>(amounts[at(i)][0])};
  return repeatable(
      record(
          {"pad", std::span(settings).first(at(x.rank() + 1))}, {x}, std::move(y),
          [offset](const Tensor& dy, InputGrads& dx) {
            if (!dx.wants(0)) return;
            Tensor gradient(dx.shape(0), dy.dtype());
            copy_box(gradient.shape(), dy, {offset, contiguous_strides(dy.shape())}, gradient, whole(gradient.shape()));
            dx.add(0, std::move(gradient));
          }),
      [kept, value](std::span<const Var> in) { return pad(in[0], std::span(kept).first(at(in[0].rank())), value); });
}

Var pad(const Var& x, std::initializer_list<std::array<std::int64_t, 2>> amounts, double value) {
  return pad(x, std::span<const std::array<std::int64_t, 2>>(amounts.begin(), amounts.size()), value);
}

}  // namespace ebb
