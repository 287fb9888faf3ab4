// An op of your own in an ONNX graph: one row says which nodes it is. Other ops, and composites of them, need none.
#include <algorithm>
#include <filesystem>
#include <iostream>

#include <ebb/framework/nn/conv2d.h>
#include <ebb/framework/nn/flatten.h>
#include <ebb/framework/nn/linear.h>
#include <ebb/framework/nn/sequential.h>
#include <ebb/framework/ops/map.h>
#include <ebb/lab/export/export_onnx.h>

using namespace ebb;

namespace {

// The square of ReLU (So et al. 2021): max(x, 0)^2.
Var relu_squared(const Var& x) {
  const auto positive = [](auto v) { return std::max(v, decltype(v)(0)); };
  Tensor y = map(x.value(), [=](auto v) { return positive(v) * positive(v); });
  return record("relu_squared", {x}, y, [=, x = Saved(x.value())](const Tensor& dy, InputGrads& dx) {
    dx.add(0, map(*x, dy, [=](auto v, auto up) { return 2 * positive(v) * up; }));
  });
}

class ReluSquared : public Layer {
 public:
  Var forward(const Var& x) override { return relu_squared(x); }
};

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path file = argc > 1 ? argv[1] : std::filesystem::temp_directory_path() / "own_export.onnx";
  Sequential net{Rng(1)};
  net.add<Conv2d>("conv", {.in = 3, .out = 8, .padding = {1, 1}});
  net.add<ReluSquared>("act");
  net.add<Flatten>();
  net.add<Linear>("fc", {.in = 8 * 8 * 8, .out = 2});
  // code: export
  // Without its row the export names op and layer: op "relu_squared" in layer act.
  const OnnxOp row{.op = "relu_squared", .layout = OnnxLayout::any, .write = [](OnnxCall& call) {
                     const std::string positive = call.node("Relu", {call.input(0)});
                     return call.node("Mul", {positive, positive});
                   }};
  export_onnx(net, {8, 8, 3}, file, {.ops = {row}});
  // code: end
  std::cout << (std::filesystem::file_size(file) > 0 ? "written\n" : "empty\n");
}
