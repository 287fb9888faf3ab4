#include "lab/export/onnx_graph.h"

#include <algorithm>

#include "framework/compute/basic.h"
#include "framework/compute/strided.h"
#include "framework/tensor/error.h"

namespace ebb::detail {
namespace {

std::array<int, Shape::max_rank> identity_order() {
  std::array<int, Shape::max_rank> order{};
  for (int i = 0; i < Shape::max_rank; ++i) order[static_cast<std::size_t>(i)] = i;
  return order;
}

// Leading axes of 1 until there are `rank`.
Shape widened(Shape shape, int rank) {
  while (shape.rank() < rank) shape = shape.insert(0, 1);
  return shape;
}

// Pixels of an image, or their channels, are one: both ways to lie have the same order of numbers.
bool same_order(const Shape& shape) {
  const std::int64_t channels = shape[shape.rank() - 1];
  std::int64_t pixels = 1;
  for (int i = 1; i + 1 < shape.rank(); ++i) pixels *= shape[i];
  return channels == 1 || pixels == 1;
}

std::vector<std::int64_t> order_to(Lies lies, int rank) {
  std::vector<std::int64_t> out{0};
  if (lies == Lies::channels_first) out.push_back(rank - 1);
  for (int i = 1; i + 1 < rank; ++i) out.push_back(lies == Lies::channels_first ? i : i + 1);
  if (lies != Lies::channels_first) out.push_back(1);
  return out;
}

}  // namespace

Shape channels_first(const Shape& shape) {
  if (shape.rank() < 3) return shape;
  const std::int64_t channels = shape[shape.rank() - 1];
  return shape.without(shape.rank() - 1).insert(1, channels);
}

Tensor channels_first(const Tensor& numbers) {
  if (numbers.rank() < 3) return numbers;
  auto order = identity_order();
  const std::vector<std::int64_t> moved = order_to(Lies::channels_first, numbers.rank());
  std::ranges::transform(moved, order.begin(), [](std::int64_t axis) { return static_cast<int>(axis); });
  return permute(numbers, order);
}

Tensor flattened(const Tensor& numbers, const Shape& image) {
  const std::int64_t rows = numbers.size() / image.size();
  const Tensor images = numbers.reshape({rows, image.size() / image[-1], image[-1]});
  auto order = identity_order();
  std::swap(order[1], order[2]);
  return permute(images, order).reshape(numbers.shape());
}

std::vector<std::int64_t> reshape_sizes(const std::string& where, const Shape& from, const Shape& from_other,
                                        const Shape& to, const Shape& to_other) {
  std::vector<std::int64_t> out;
  int open = 0;
  for (int i = 0; i < to.rank(); ++i) {
    if (to[i] == to_other[i]) {
      out.push_back(to[i]);
    } else if (i < from.rank() && from[i] == to[i] && from_other[i] == to_other[i]) {
      out.push_back(0);
    } else {
      out.push_back(-1);
      ++open;
    }
  }
  if (open > 1 || (open == 0 && std::ranges::find(to.dims(), 0) != to.dims().end()))
    fail(where, text("a reshape from ", from, " to ", to), "one in which the batch becomes part of one axis",
         "fix the number of images: --batch 1");
  return out;
}

OnnxGraph::OnnxGraph(std::map<const std::byte*, std::string> names) : names_(std::move(names)) {
  for (const auto& entry : names_) taken_.insert(entry.second);
}

void OnnxGraph::enter(const std::string& layer, const std::string& op) {
  place_ = layer;
  op_ = op;
}

std::string OnnxGraph::fresh(const std::string& begin) {
  std::string out = begin;
  for (int number = 2; !taken_.insert(out).second; ++number) out = text(begin, '_', number);
  return out;
}

std::string OnnxGraph::node(const std::string& type, const std::vector<std::string>& inputs,
                            const std::vector<OnnxAttribute>& attributes) {
  std::string name = fresh(place_.empty() ? text(op_, '.', type) : text(place_, '.', type));
  std::vector<std::string> given = inputs;
  while (!given.empty() && given.back().empty()) given.pop_back();  // optional ones at the end
  nodes.push_back({type, name, std::move(given), name, attributes});
  return name;
}

std::string OnnxGraph::initializer(const Tensor& numbers, const Tensor& of) {
  const auto known = of.defined() ? names_.find(of.bytes().data()) : names_.end();
  const std::string wanted = known != names_.end() ? known->second : text(place_.empty() ? op_ : place_, ".constant");
  const Tensor stored = is_float(numbers.dtype()) ? cast(numbers, DType::f32) : numbers;
  for (const OnnxInitializer& other : initializers)
    if (known != names_.end() && other.name.starts_with(wanted) && other.numbers.shape() == stored.shape() &&
        std::ranges::equal(other.numbers.bytes(), stored.bytes()))
      return other.name;
  const bool first =
      known != names_.end() && std::ranges::find(initializers, wanted, &OnnxInitializer::name) == initializers.end();
  initializers.push_back({first ? wanted : fresh(wanted), stored});
  return initializers.back().name;
}

std::string OnnxGraph::initializer(std::span<const std::int64_t> numbers) {
  return initializer(Tensor::from(numbers, {static_cast<std::int64_t>(numbers.size())}));
}

std::string OnnxGraph::number(double value) { return initializer(Tensor::scalar(value)); }

std::string OnnxGraph::as(const OnnxValue& value, Lies lies, int rank, const Shape& image) {
  if (!value.defined()) return {};
  if (value.in_graph()) return value.lies == lies ? value.name : moved(value, lies);
  const Tensor& c = value.constant;
  if (lies == Lies::channels_first && c.size() > 1) {
    Tensor wide = channels_first(c.reshape(widened(c.shape(), std::max(rank, c.rank()))));
    while (rank > c.rank() && wide.rank() > 1 && wide.dim(0) == 1) wide = wide.reshape(wide.shape().without(0));
    return initializer(wide, c);
  }
  if (lies == Lies::flattened && c.rank() > 0 && c.dim(-1) == image.size()) return initializer(flattened(c, image), c);
  return initializer(c, c);
}

std::string OnnxGraph::moved(const OnnxValue& value, Lies lies) {
  std::string& known = moved_[{value.name, lies}];
  if (!known.empty()) return known;
  const int rank = value.shape.rank();
  if (value.lies == Lies::flattened) {
    // To an image, which is put in Ebb's order, and flat again.
    std::vector<std::int64_t> sizes{0, value.image[2], value.image[0], value.image[1]};
    const std::string images = node("Reshape", {value.name, initializer(sizes)});
    const std::string plain = node("Transpose", {images}, {{"perm", order_to(Lies::plain, 4)}});
    return known = node("Flatten", {plain}, {{"axis", 1}});
  }
  if (!same_order(value.shape)) return known = node("Transpose", {value.name}, {{"perm", order_to(lies, rank)}});
  const Shape shape = channels_first(value.shape), other = channels_first(value.other);
  const bool first = lies == Lies::channels_first;
  const std::vector<std::int64_t> sizes =
      reshape_sizes(value.name, first ? value.shape : shape, first ? value.other : other, first ? shape : value.shape,
                    first ? other : value.other);
  return known = node("Reshape", {value.name, initializer(sizes)});
}

void OnnxGraph::rename(const std::string& from, const std::string& to) {
  for (OnnxNode& node : nodes) {
    if (node.output == from) node.output = to;
    for (std::string& input : node.inputs)
      if (input == from) input = to;
  }
}

}  // namespace ebb::detail
