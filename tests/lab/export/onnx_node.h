// What the evaluator's nodes work with.
#pragma once

#include <onnx.pb.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>

#include "tests/lab/export/onnx_evaluator.h"

namespace ebb::test {

using Sizes = std::vector<std::int64_t>;
constexpr double infinity = std::numeric_limits<double>::infinity();

inline std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

inline std::int64_t product(const Sizes& shape, std::size_t from = 0) {
  return std::accumulate(shape.begin() + static_cast<std::ptrdiff_t>(from), shape.end(), std::int64_t{1},
                         std::multiplies<>());
}

inline Array zeros(const Sizes& shape) { return {shape, std::vector<double>(at(product(shape)))}; }

// visit(index, number) for all indices of a shape, the last axis fastest.
template <class Visit>
void for_indices(const Sizes& shape, const Visit& visit) {
  Sizes index(shape.size());
  for (std::int64_t i = 0; i < product(shape); ++i) {
    visit(index, at(i));
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
}

// The place of an index in an array, whose axes stand behind each other from the end and repeat where they are 1.
inline std::size_t place(const Array& a, const Sizes& index) {
  std::int64_t out = 0;
  const std::size_t skip = index.size() - a.shape.size();
  for (std::size_t axis = 0; axis < a.shape.size(); ++axis)
    out = out * a.shape[axis] + (a.shape[axis] == 1 ? 0 : index[axis + skip]);
  return at(out);
}

struct Node {
  const onnx::Node& node;
  std::vector<Array> in;

  const onnx::Attribute* attribute(const char* name) const {
    for (const onnx::Attribute& a : node.attribute())
      if (a.name() == name) return &a;
    return nullptr;
  }
  Sizes ints(const char* name, Sizes otherwise) const {
    const onnx::Attribute* const a = attribute(name);
    return a == nullptr ? otherwise : Sizes(a->ints().begin(), a->ints().end());
  }
  std::int64_t integer(const char* name, std::int64_t otherwise) const {
    const onnx::Attribute* const a = attribute(name);
    return a == nullptr ? otherwise : a->i();
  }
  double number(const char* name, double otherwise) const {
    const onnx::Attribute* const a = attribute(name);
    return a == nullptr ? otherwise : static_cast<double>(a->f());
  }
  Sizes input_sizes(std::size_t i) const { return {in.at(i).numbers.begin(), in.at(i).numbers.end()}; }
};

// Of filters and windows.
Array convolution(const Node& n);
Array transposed_convolution(const Node& n);
Array pooling(const Node& n, bool largest);

}  // namespace ebb::test
