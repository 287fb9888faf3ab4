// Elementwise ops: all inputs lie alike, and so does the result.
#include <cmath>
#include <numbers>

#include "lab/export/onnx_step.h"

namespace ebb::detail {
namespace {

using Call = OnnxCall;

// An op that is one node of the same inputs.
OnnxOp one(const char* op, const char* type) {
  return {op, OnnxLayout::any, [type](Call& c) {
            std::vector<std::string> inputs;
            for (std::size_t i = 0; i < c.inputs(); ++i) inputs.push_back(c.input(i));
            return c.node(type, inputs);
          }};
}

// One node with an attribute that a setting says.
OnnxOp one(const char* op, const char* type, const char* attribute, const char* setting) {
  return {op, OnnxLayout::any, [=](Call& c) { return c.node(type, {c.input(0)}, {{attribute, c.setting(setting)}}); }};
}

OnnxOp several(const char* op, std::string (*write)(Call& c)) { return {op, OnnxLayout::any, write}; }

// x/2 (1 + erf(x / sqrt(2))), or x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
std::string gelu(Call& c) {
  const std::string x = c.input(0);
  std::string bent;
  if (c.setting("tanh") == 0) {
    bent = c.node("Erf", {c.node("Mul", {x, c.constant(std::numbers::sqrt2 / 2)})});
  } else {
    const std::string cube = c.node("Mul", {c.node("Mul", {x, x}), x});
    const std::string sum = c.node("Add", {x, c.node("Mul", {cube, c.constant(0.044715)})});
    bent = c.node("Tanh", {c.node("Mul", {sum, c.constant(std::sqrt(2 / std::numbers::pi))})});
  }
  return c.node("Mul", {c.node("Mul", {x, c.constant(0.5)}), c.node("Add", {bent, c.constant(1)})});
}

}  // namespace

std::vector<OnnxOp> onnx_elementwise_ops() {
  return {
      one("abs", "Abs"),
      one("add", "Add"),
      one("div", "Div"),
      one("exp", "Exp"),
      one("log", "Log"),
      one("mul", "Mul"),
      one("relu", "Relu"),
      one("sigmoid", "Sigmoid"),
      one("softplus", "Softplus"),
      one("sqrt", "Sqrt"),
      one("sub", "Sub"),
      one("tanh", "Tanh"),
      one("elu", "Elu", "alpha", "alpha"),
      one("leaky_relu", "LeakyRelu", "alpha", "slope"),
      several("gelu", gelu),
      several("add_relu",
              [](Call& c) {
                return c.node("Relu", {c.node("Add", {c.input(0), c.input(1)})});
              }),
      several("clamp",
              [](Call& c) {
                return c.node("Clip", {c.input(0), c.constant(c.setting("low")), c.constant(c.setting("high"))});
              }),
      several("relu6",
              [](Call& c) {
                return c.node("Clip", {c.input(0), c.constant(0), c.constant(6)});
              }),
      several("pow",
              [](Call& c) {
                return c.node("Pow", {c.input(0), c.constant(c.setting("exponent"))});
              }),
      several("silu",
              [](Call& c) {
                return c.node("Mul", {c.input(0), c.node("Sigmoid", {c.input(0)})});
              }),
      several("square",
              [](Call& c) {
                return c.node("Mul", {c.input(0), c.input(0)});
              }),
  };
}

}  // namespace ebb::detail
