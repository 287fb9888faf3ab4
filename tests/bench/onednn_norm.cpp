// Milliseconds of oneDNN's batch norm with ReLU on images of the shapes of `ebb-bench --norms`: the peer of its rows.
//     onednn_norm [batch] [seconds]          OMP_NUM_THREADS sets the number of threads
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <oneapi/dnnl/dnnl.hpp>
#include <random>
#include <unordered_map>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Format = dnnl::memory::format_tag;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double undisturbed(std::vector<double>& times) {
  const auto at = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 4);
  std::nth_element(times.begin(), at, times.end());
  return *at;
}

dnnl::memory filled(const dnnl::memory::desc& desc, const dnnl::engine& engine, float deviation) {
  dnnl::memory memory(desc, engine);
  std::minstd_rand numbers(1);
  std::normal_distribution<float> normal(0, deviation);
  auto* const to = static_cast<float*>(memory.get_data_handle());
  for (std::size_t i = 0; i < desc.get_size() / sizeof(float); ++i) to[i] = normal(numbers);
  return memory;
}

struct Passes {
  double forward = 0, backward = 0;  // seconds
};

Passes measure(std::int64_t batch, std::int64_t size, std::int64_t channels, Format format, double seconds) {
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const dnnl::memory::desc images({batch, channels, size, size}, dnnl::memory::data_type::f32, format);
  const auto flags = dnnl::normalization_flags::use_scale_shift | dnnl::normalization_flags::fuse_norm_relu;
  using Forward = dnnl::batch_normalization_forward;
  using Backward = dnnl::batch_normalization_backward;
  const Forward::primitive_desc forward_desc(Forward::desc(dnnl::prop_kind::forward_training, images, 1e-5f, flags),
                                             engine);
  const Backward::primitive_desc backward_desc(Backward::desc(dnnl::prop_kind::backward, images, images, 1e-5f, flags),
                                               engine, forward_desc);
  std::unordered_map<int, dnnl::memory> there{
      {DNNL_ARG_SRC, filled(images, engine, 1)},
      {DNNL_ARG_DST, filled(images, engine, 1)},
      {DNNL_ARG_MEAN, filled(forward_desc.mean_desc(), engine, 0)},
      {DNNL_ARG_VARIANCE, filled(forward_desc.variance_desc(), engine, 0)},
      {DNNL_ARG_SCALE_SHIFT, filled(forward_desc.weights_desc(), engine, 1)},
      {DNNL_ARG_WORKSPACE, dnnl::memory(forward_desc.workspace_desc(), engine)}};
  auto back = there;
  back.erase(DNNL_ARG_DST);
  back.emplace(DNNL_ARG_DIFF_DST, filled(images, engine, 1));
  back.emplace(DNNL_ARG_DIFF_SRC, filled(images, engine, 1));
  back.emplace(DNNL_ARG_DIFF_SCALE_SHIFT, filled(backward_desc.diff_weights_desc(), engine, 1));
  const Forward forward(forward_desc);
  const Backward backward(backward_desc);
  std::vector<double> first, second;
  const auto start = Clock::now();
  while (first.size() < 8 || seconds_since(start) < seconds) {
    const auto begin = Clock::now();
    forward.execute(stream, there);
    stream.wait();
    const auto middle = Clock::now();
    backward.execute(stream, back);
    stream.wait();
    second.push_back(seconds_since(middle));
    first.push_back(std::chrono::duration<double>(middle - begin).count());
  }
  return {undisturbed(first), undisturbed(second)};
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t batch = argc > 1 ? std::atoll(argv[1]) : 128;
  const double seconds = argc > 2 ? std::atof(argv[2]) : 0.3;
  constexpr std::array<std::array<std::int64_t, 2>, 7> shapes{
      {{32, 16}, {16, 32}, {8, 64}, {32, 64}, {16, 128}, {8, 256}, {4, 512}}};
  for (const auto& [size, channels] : shapes) {
    // The layout that suits oneDNN best counts, pass by pass.
    Passes best;
    for (const Format format : {Format::nhwc, Format::nChw16c, Format::nChw8c, Format::nchw}) {
      const Passes passes = measure(batch, size, channels, format, seconds);
      best.forward = best.forward == 0 ? passes.forward : std::min(best.forward, passes.forward);
      best.backward = best.backward == 0 ? passes.backward : std::min(best.backward, passes.backward);
    }
    std::printf(
        "{\"op\": \"batch norm, relu\", \"batch\": %lld, \"size\": %lld, \"channels\": %lld, \"forward_ms\": %.4f, "
        "\"backward_ms\": %.4f}\n",
        static_cast<long long>(batch), static_cast<long long>(size), static_cast<long long>(channels),
        1e3 * best.forward, 1e3 * best.backward);
    std::fflush(stdout);
  }
}
