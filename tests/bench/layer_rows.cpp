#include "tests/bench/layer_rows.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <vector>

#include "framework/compute/basic.h"
#include "framework/compute/convolution.h"
#include "framework/compute/instruction_set.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/random.h"

namespace ebb {
namespace {

using Clock = std::chrono::steady_clock;

struct Layer {
  const char* set;
  std::int64_t size, in, out;
  std::int64_t kernel = 3, stride = 1, padding = 1;
};

constexpr Layer layers[] = {
    {"resnet20", 32, 16, 16},
    {"resnet20", 16, 32, 32},
    {"resnet20", 8, 64, 64},
    {"resnet18", 32, 64, 64},
    {"resnet18", 16, 128, 128},
    {"resnet18", 8, 256, 256},
    {"resnet18", 4, 512, 512},
    {"resnet9", 32, 64, 128},
    {"resnet9", 16, 128, 256},
    {"resnet9", 8, 256, 512},
    {"vgg11", 16, 64, 128},
    {"vgg11", 8, 128, 256},
    {"vgg11", 4, 256, 512},
    {"vgg11", 2, 512, 512},
    {"mnistcnn", 28, 32, 64},
    {"narrow", 32, 3, 16},
    {"narrow", 32, 3, 64},
    {"narrow", 32, 8, 8},
    {"narrow", 16, 16, 16},
    {"narrow", 8, 32, 32},
    {"strided", 32, 16, 32, 3, 2},
    {"strided", 16, 32, 64, 3, 2},
    {"strided", 32, 16, 32, 1, 2, 0},
    {"strided", 16, 32, 64, 1, 2, 0},
    {"strided", 32, 64, 128, 3, 2},
    {"strided", 16, 128, 256, 3, 2},
    {"strided", 8, 256, 512, 3, 2},
    {"strided", 32, 64, 128, 1, 2, 0},
    {"strided", 8, 256, 512, 1, 2, 0},
    {"lenet", 28, 1, 6, 5, 1, 2},
    {"lenet", 14, 6, 16, 5, 1, 0},
};

double seconds_of(const std::function<void()>& call) {
  const auto start = Clock::now();
  call();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

constexpr std::array methods{Winograd::off, Winograd::f2, Winograd::f4, Winograd::automatic};
constexpr std::array names{"direct", "f2", "f4", "automatic"};
using Times = std::array<std::vector<double>, methods.size()>;

// The lower quartile: what a row takes when nobody disturbs it.
double undisturbed(std::vector<double>& times) {
  std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(times.size() / 4));
  return times[times.size() / 4];
}

void print(const LayerSettings& settings, const Layer& layer, const char* pass, Times& times, double flop,
           double peak) {
  const auto batch = static_cast<int>(settings.batch), size = static_cast<int>(layer.size),
             in = static_cast<int>(layer.in), out = static_cast<int>(layer.out);
  if (settings.json) {
    std::printf(
        "{\"batch\": %d, \"size\": %d, \"in\": %d, \"out\": %d, \"kernel\": %lld, \"stride\": %lld, \"pass\": \"%s\", "
        "\"threads\": %d, ",
        batch, size, in, out, static_cast<long long>(layer.kernel), static_cast<long long>(layer.stride), pass,
        parallel::thread_count());
    for (std::size_t i = 0; i < methods.size(); ++i)
      std::printf("\"%s_gflops\": %.1f, ", names[i], flop / undisturbed(times[i]) * 1e-9);
    std::printf("\"fma_peak_gflops\": %.1f, \"instruction_set\": \"%s\"}\n", peak, instruction_set().c_str());
  } else {
    std::printf("%d x %dx%d, %d -> %d, %lldx%lld%s %-15s", batch, size, size, in, out,
                static_cast<long long>(layer.kernel), static_cast<long long>(layer.kernel),
                layer.stride == 1 ? "" : ", stride 2", pass);
    for (std::size_t i = 0; i < methods.size(); ++i) {
      const double gflops = flop / undisturbed(times[i]) * 1e-9;
      std::printf("  %s %.0f (%.0f %%)", names[i], gflops, 100 * gflops / peak);
    }
    std::printf("\n");
  }
  std::fflush(stdout);
}

}  // namespace

void print_layer_rows(const LayerSettings& settings, double peak) {
  constexpr std::array<const char*, 3> passes{"forward", "input gradient", "weight gradient"};
  for (const Layer& layer : layers) {
    if (std::ranges::find(settings.layers, layer.set) == settings.layers.end()) continue;
    const std::int64_t size = (layer.size + 2 * layer.padding - layer.kernel) / layer.stride + 1;
    ConvolutionShape shape{.images = settings.batch,
                           .in = layer.in,
                           .out = layer.out,
                           .input = {layer.size, layer.size},
                           .output = {size, size},
                           .kernel = {layer.kernel, layer.kernel},
                           .stride = {layer.stride, layer.stride},
                           .padding = {layer.padding, layer.padding}};
    Tensor x(shape.input_shape()), dy(shape.output_shape()), w(shape.weight_shape());
    fill_normal(x, Rng(1), 0, 1);
    fill_normal(dy, Rng(2), 0, 1);
    fill_normal(w, Rng(3), 0, 0.1);
    const double flop = 2.0 * static_cast<double>(dy.size() * layer.kernel * layer.kernel * layer.in);
    for (std::size_t pass = 0; pass < passes.size(); ++pass) {
      Times times;
      const auto once = [&](Winograd method) {
        shape.winograd = method;
        if (pass == 0) convolution(x, w, {}, shape);
        else if (pass == 1) convolution_input_gradient(dy, w, {}, shape);
        else convolution_weight_gradient(x, dy, shape);
      };
      for (const Winograd method : methods) once(method);
      const auto start = Clock::now();
      while (times[0].size() < 5 || std::chrono::duration<double>(Clock::now() - start).count() < settings.seconds)
        for (std::size_t i = 0; i < methods.size(); ++i) times[i].push_back(seconds_of([&] { once(methods[i]); }));
      print(settings, layer, passes[pass], times, flop, peak);
    }
  }
}

}  // namespace ebb
