#include "tests/lab/export/onnx_evaluator.h"

#include <cmath>
#include <cstring>
#include <stdexcept>

#include "tests/lab/export/onnx_node.h"

namespace ebb::test {
namespace {

using Apply = std::function<double(double)>;

Array each(Array a, const Apply& f) {
  std::ranges::transform(a.numbers, a.numbers.begin(), f);
  return a;
}

Array both(const Array& a, const Array& b, const std::function<double(double, double)>& f) {
  Sizes shape(std::max(a.shape.size(), b.shape.size()), 1);
  for (const Array* const x : {&a, &b})
    for (std::size_t axis = 0; axis < x->shape.size(); ++axis) {
      std::int64_t& size = shape[axis + shape.size() - x->shape.size()];
      if (x->shape[axis] != 1 && size != 1 && x->shape[axis] != size)
        throw std::runtime_error("sizes do not broadcast");
      size = std::max(size, x->shape[axis]);
    }
  Array out = zeros(shape);
  for_indices(shape, [&](const Sizes& index, std::size_t i) {
    out.numbers[i] = f(a.numbers[place(a, index)], b.numbers[place(b, index)]);
  });
  return out;
}

Array matrix_product(const Array& a, const Array& b) {
  Sizes shape(a.shape.begin(), a.shape.end() - 1);
  const std::int64_t k = a.dim(-1), columns = b.dim(-1);
  shape.push_back(columns);
  if (b.dim(-2) != k) throw std::runtime_error("sizes of MatMul");
  const std::int64_t rows = a.dim(-2), matrices = b.size() / (k * columns);
  Array y = zeros(shape);
  for (std::int64_t i = 0; i < y.size(); ++i) {
    const std::int64_t row = i / columns, matrix = matrices == 1 ? 0 : row / rows;
    for (std::int64_t j = 0; j < k; ++j)
      y.numbers[at(i)] += a.numbers[at(row * k + j)] * b.numbers[at((matrix * k + j) * columns + i % columns)];
  }
  return y;
}

Array transposed(const Array& a, const Sizes& order) {
  Sizes shape;
  for (const std::int64_t axis : order) shape.push_back(a.dim(axis));
  Array y = zeros(shape);
  for_indices(shape, [&](const Sizes& to, std::size_t i) {
    Sizes from(to.size());
    for (std::size_t axis = 0; axis < to.size(); ++axis) from[at(order[axis])] = to[axis];
    y.numbers[i] = a.numbers[place(a, from)];
  });
  return y;
}

Array gemm(const Node& n) {
  const Array w = n.integer("transB", 0) != 0 ? transposed(n.in.at(1), {1, 0}) : n.in.at(1);
  Array y = matrix_product(n.in.at(0), w);
  return n.in.size() > 2 ? both(y, n.in[2], std::plus<>()) : y;
}

Array batch_norm(const Node& n) {
  Array y = n.in.at(0);
  for_indices(y.shape, [&](const Sizes& index, std::size_t i) {
    const std::size_t c = at(index.at(1));
    y.numbers[i] = (y.numbers[i] - n.in.at(3).numbers.at(c)) /
                       std::sqrt(n.in.at(4).numbers.at(c) + n.number("epsilon", 0)) * n.in[1].numbers.at(c) +
                   n.in[2].numbers.at(c);
  });
  return y;
}

// Each row of `length` numbers with mean 0 and variance 1.
void standardise_rows(Array& y, std::int64_t length, double epsilon) {
  for (std::int64_t row = 0; row < y.size() / length; ++row) {
    const std::span<double> numbers(&y.numbers[at(row * length)], at(length));
    double mean = 0, variance = 0;
    for (const double v : numbers) mean += v / static_cast<double>(length);
    for (const double v : numbers) variance += (v - mean) * (v - mean) / static_cast<double>(length);
    for (double& v : numbers) v = (v - mean) / std::sqrt(variance + epsilon);
  }
}

Array instance_norm(const Node& n) {
  Array y = n.in.at(0);
  standardise_rows(y, product(y.shape, 2), n.number("epsilon", 0));
  for_indices(y.shape, [&](const Sizes& index, std::size_t i) {
    y.numbers[i] = y.numbers[i] * n.in[1].numbers.at(at(index[1])) + n.in[2].numbers.at(at(index[1]));
  });
  return y;
}

Array layer_norm(const Node& n) {
  Array y = n.in.at(0);
  standardise_rows(y, y.dim(-1), n.number("epsilon", 0));
  return both(both(y, n.in.at(1), std::multiplies<>()), n.in.at(2), std::plus<>());
}

Array reshaped(const Array& a, Sizes shape) {
  std::int64_t known = 1, open = -1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0) shape[i] = a.dim(static_cast<std::int64_t>(i));
    if (shape[i] < 0) open = static_cast<std::int64_t>(i);
    else known *= shape[i];
  }
  if (open >= 0) shape[at(open)] = a.size() / known;
  if (product(shape) != a.size()) throw std::runtime_error("sizes of Reshape");
  return {shape, a.numbers};
}

Array flattened(const Node& n) {
  const Array& x = n.in.at(0);
  const auto axis = at(n.integer("axis", 1));
  return {{product(x.shape) / product(x.shape, axis), product(x.shape, axis)}, x.numbers};
}

Array sliced(const Node& n) {
  const Array& x = n.in.at(0);
  const std::int64_t axis = n.input_sizes(3).at(0), begin = n.input_sizes(1).at(0),
                     end = static_cast<std::int64_t>(std::min(n.in[2].numbers.at(0), static_cast<double>(x.dim(axis)))),
                     step = n.in.size() > 4 ? n.input_sizes(4).at(0) : 1;
  Sizes shape = x.shape;
  shape[at(axis)] = std::max<std::int64_t>(0, (end - begin + step - 1) / step);
  Array y = zeros(shape);
  for_indices(shape, [&](const Sizes& to, std::size_t i) {
    Sizes from = to;
    from[at(axis)] = begin + to[at(axis)] * step;
    y.numbers[i] = x.numbers[place(x, from)];
  });
  return y;
}

Array joined(const Node& n) {
  const auto axis = at(n.integer("axis", 0));
  Sizes shape = n.in.at(0).shape;
  for (std::size_t i = 1; i < n.in.size(); ++i) shape[axis] += n.in[i].shape.at(axis);
  Array y = zeros(shape);
  std::int64_t begin = 0;
  for (const Array& part : n.in) {
    for_indices(part.shape, [&](Sizes index, std::size_t i) {
      index[axis] += begin;
      y.numbers[place(y, index)] = part.numbers[i];
    });
    begin += part.shape[axis];
  }
  return y;
}

Array padded(const Node& n) {
  const Array& x = n.in.at(0);
  const Sizes pads = n.input_sizes(1);
  Sizes shape = x.shape;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) shape[axis] += pads[axis] + pads[axis + shape.size()];
  Array y = zeros(shape);
  std::ranges::fill(y.numbers, n.in.size() > 2 ? n.in[2].numbers.at(0) : 0);
  for_indices(x.shape, [&](Sizes index, std::size_t i) {
    for (std::size_t axis = 0; axis < shape.size(); ++axis) index[axis] += pads[axis];
    y.numbers[place(y, index)] = x.numbers[i];
  });
  return y;
}

// fold(sum so far, number), from `first`, along axes; then finish(result, count).
Array reduced(const Node& n, double first, const std::function<double(double, double)>& fold,
              const std::function<double(double, double)>& finish) {
  const Array& x = n.in.at(0);
  const Sizes axes = n.in.size() > 1 ? n.input_sizes(1) : n.ints("axes", {});
  Sizes kept = x.shape, left;
  for (const std::int64_t axis : axes) kept[at(axis)] = 1;
  for (std::size_t axis = 0; axis < kept.size(); ++axis)
    if (std::ranges::find(axes, static_cast<std::int64_t>(axis)) == axes.end()) left.push_back(kept[axis]);
  Array y = zeros(kept);
  std::ranges::fill(y.numbers, first);
  for_indices(x.shape, [&](const Sizes& index, std::size_t i) {
    double& to = y.numbers[place(y, index)];
    to = fold(to, x.numbers[i]);
  });
  for (double& v : y.numbers) v = finish(v, static_cast<double>(x.size() / y.size()));
  if (n.integer("keepdims", 1) == 0) y.shape = left;
  return y;
}

Array log_softmax(const Node& n) {
  const Array& x = n.in.at(0);
  const std::int64_t given = n.integer("axis", -1);
  const std::size_t axis = at(given < 0 ? given + static_cast<std::int64_t>(x.shape.size()) : given);
  Sizes kept = x.shape;
  kept[axis] = 1;
  Array sums = zeros(kept), y = x;
  for_indices(x.shape,
              [&](const Sizes& i, std::size_t from) { sums.numbers[place(sums, i)] += std::exp(x.numbers[from]); });
  for_indices(x.shape,
              [&](const Sizes& i, std::size_t to) { y.numbers[to] -= std::log(sums.numbers[place(sums, i)]); });
  return y;
}

using Run = std::function<Array(const Node&)>;

Run unary(double (*f)(double)) {
  return [f](const Node& n) { return each(n.in.at(0), f); };
}
Run binary(const std::function<double(double, double)>& f) {
  return [f](const Node& n) { return both(n.in.at(0), n.in.at(1), f); };
}

const std::map<std::string, Run>& table() {
  const auto same = [](double v, double) { return v; };
  static const std::map<std::string, Run> runs{
      {"Abs", unary([](double v) { return std::abs(v); })},
      {"Add", binary(std::plus<>())},
      {"AveragePool", [](const Node& n) { return pooling(n, false); }},
      {"BatchNormalization", batch_norm},
      {"Cast", [](const Node& n) { return n.in.at(0); }},
      {"Clip",
       [](const Node& n) {
         return each(n.in.at(0), [&](double v) { return std::clamp(v, n.in.at(1).numbers[0], n.in.at(2).numbers[0]); });
       }},
      {"Concat", joined},
      {"Conv", convolution},
      {"ConvTranspose", transposed_convolution},
      {"Div", binary(std::divides<>())},
      {"Elu",
       [](const Node& n) {
         return each(n.in.at(0), [&](double v) { return v > 0 ? v : n.number("alpha", 1) * std::expm1(v); });
       }},
      {"Erf", unary([](double v) { return std::erf(v); })},
      {"Exp", unary([](double v) { return std::exp(v); })},
      {"Flatten", flattened},
      {"Gemm", gemm},
      {"GlobalAveragePool",
       [](const Node& n) {
         const Array& x = n.in.at(0);
         Array y = zeros({x.dim(0), x.dim(1), 1, 1});
         const auto pixels = static_cast<double>(x.dim(2) * x.dim(3));
         for_indices(x.shape,
                     [&](const Sizes& i, std::size_t from) { y.numbers[place(y, i)] += x.numbers[from] / pixels; });
         return y;
       }},
      {"Identity", [](const Node& n) { return n.in.at(0); }},
      {"InstanceNormalization", instance_norm},
      {"LayerNormalization", layer_norm},
      {"LeakyRelu",
       [](const Node& n) {
         return each(n.in.at(0), [&](double v) { return v > 0 ? v : n.number("alpha", 0.01) * v; });
       }},
      {"Log", unary([](double v) { return std::log(v); })},
      {"LogSoftmax", log_softmax},
      {"MatMul", [](const Node& n) { return matrix_product(n.in.at(0), n.in.at(1)); }},
      {"MaxPool", [](const Node& n) { return pooling(n, true); }},
      {"Mul", binary(std::multiplies<>())},
      {"Pad", padded},
      {"Pow", binary([](double a, double b) { return std::pow(a, b); })},
      {"ReduceLogSumExp",
       [=](const Node& n) {
         return reduced(
             n, 0, [](double a, double v) { return a + std::exp(v); }, [](double v, double) { return std::log(v); });
       }},
      {"ReduceMax",
       [=](const Node& n) {
         return reduced(
             n, -infinity, [](double a, double v) { return std::max(a, v); }, same);
       }},
      {"ReduceMean", [](const Node& n) { return reduced(n, 0, std::plus<>(), std::divides<>()); }},
      {"ReduceSum", [=](const Node& n) { return reduced(n, 0, std::plus<>(), same); }},
      {"Relu", unary([](double v) { return std::max(v, 0.0); })},
      {"Reshape", [](const Node& n) { return reshaped(n.in.at(0), n.input_sizes(1)); }},
      {"Sigmoid", unary([](double v) { return 1 / (1 + std::exp(-v)); })},
      {"Slice", sliced},
      {"Softmax", [](const Node& n) { return each(log_softmax(n), [](double v) { return std::exp(v); }); }},
      {"Softplus", unary([](double v) { return std::log1p(std::exp(v)); })},
      {"Sqrt", unary([](double v) { return std::sqrt(v); })},
      {"Sub", binary(std::minus<>())},
      {"Tanh", unary([](double v) { return std::tanh(v); })},
      {"Where",
       [](const Node& n) {
         // NaN takes no part where it is not chosen.
         const Array first = both(n.in.at(0), n.in.at(1), [](double c, double a) { return c != 0 ? a : 0; });
         const Array second = both(n.in.at(0), n.in.at(2), [](double c, double b) { return c != 0 ? 0 : b; });
         return both(first, second, std::plus<>());
       }},
      {"Transpose", [](const Node& n) { return transposed(n.in.at(0), n.ints("perm", {})); }},
  };
  return runs;
}

onnx::Model parsed(const std::string& bytes) {
  onnx::Model model;
  if (!model.ParseFromString(bytes)) throw std::runtime_error("no ONNX model");
  return model;
}

template <class T>
Array from_bytes(const Sizes& shape, const std::string& bytes) {
  Array out = zeros(shape);
  if (bytes.size() != out.numbers.size() * sizeof(T)) throw std::runtime_error("size of an initializer");
  for (std::size_t i = 0; i < out.numbers.size(); ++i) {
    T number{};
    std::memcpy(&number, bytes.data() + i * sizeof(T), sizeof(T));
    out.numbers[i] = static_cast<double>(number);
  }
  return out;
}

std::map<std::string, Array> initializers_of(const onnx::Graph& graph) {
  std::map<std::string, Array> out;
  for (const onnx::Tensor& t : graph.initializer()) {
    const Sizes shape(t.dims().begin(), t.dims().end());
    const bool whole = t.data_type() == 7;
    const Array numbers =
        whole ? from_bytes<std::int64_t>(shape, t.raw_data()) : from_bytes<float>(shape, t.raw_data());
    if (!out.emplace(t.name(), numbers).second) throw std::runtime_error("two initializers called " + t.name());
  }
  return out;
}

}  // namespace

Array array_of(const Tensor& tensor) {
  Array out{{tensor.shape().dims().begin(), tensor.shape().dims().end()}, {}};
  if (tensor.dtype() == DType::u8)
    out.numbers.assign(tensor.span<std::uint8_t>().begin(), tensor.span<std::uint8_t>().end());
  else out.numbers.assign(tensor.span<float>().begin(), tensor.span<float>().end());
  return out;
}

OnnxFacts facts_of(const std::string& bytes) {
  const onnx::Model model = parsed(bytes);
  OnnxFacts out{.producer = model.producer_name(),
                .ir_version = model.ir_version(),
                .operator_set = model.opset_import(0).version(),
                .metadata = {},
                .initializers = initializers_of(model.graph()),
                .ops = {},
                .ports = {}};
  for (const onnx::Entry& entry : model.metadata_props()) out.metadata[entry.key()] = entry.value();
  for (const onnx::Node& node : model.graph().node()) out.ops.push_back(node.op_type());
  for (const auto& ports : {model.graph().input(), model.graph().output()})
    for (const onnx::ValueInfo& port : ports)
      for (const onnx::Dimension& dim : port.type().tensor_type().shape().dim())
        out.ports[port.name()].push_back(dim.dim_param().empty() ? std::to_string(dim.dim_value()) : dim.dim_param());
  return out;
}

std::map<std::string, Array> evaluate_onnx(const std::string& bytes, const std::string& input, const Array& value) {
  const onnx::Model model = parsed(bytes);
  std::map<std::string, Array> values = initializers_of(model.graph());
  if (model.graph().input_size() != 1 || model.graph().input(0).name() != input)
    throw std::runtime_error("other inputs");
  if (!values.emplace(input, value).second) throw std::runtime_error("an initializer called as the input");
  for (const onnx::Node& node : model.graph().node()) {
    const auto run = table().find(node.op_type());
    if (run == table().end()) throw std::runtime_error("no evaluator for " + node.op_type());
    Node n{node, {}};
    for (const std::string& name : node.input()) n.in.push_back(values.at(name));
    if (!values.emplace(node.output(0), run->second(n)).second)
      throw std::runtime_error("two values called " + node.output(0));
  }
  std::map<std::string, Array> out;
  for (const onnx::ValueInfo& port : model.graph().output()) out[port.name()] = values.at(port.name());
  return out;
}

}  // namespace ebb::test
