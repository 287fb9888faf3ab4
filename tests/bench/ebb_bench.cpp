// ebb-bench: images per second of training steps and inference, with the arithmetic limit measured beside them.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <sstream>

#include "framework/compute/basic.h"
#include "framework/compute/instruction_set.h"
#include "framework/nn/prepare.h"
#include "framework/nn/summary.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/memory.h"
#include "optim/sgd.h"
#include "tests/bench/layer_rows.h"
#include "tests/bench/loader_rows.h"
#include "tests/bench/norm_rows.h"
#include "tests/bench/profile.h"
#ifdef EBB_BENCH_RANKS
#include "tests/bench/rank_rows.h"
#endif
#include "tests/bench/scaling.h"
#include "tests/bench/work.h"

namespace ebb {
namespace {

using Clock = std::chrono::steady_clock;

struct Settings {
  std::string models = "lenet,mnistcnn,resnet20,resnet9,vgg11bn,resnet18,mlp";
  std::string batches = "128";
  std::string modes = "train";
  std::string layers;  // sets of single layers; instead of models
  bool scaling = false;
  bool loaders = false;
  bool norms = false;
  bool profile = false;
  bool speedup = false;
  std::string start;  // a model whose start-up is measured instead
  bool ranks = false;
  int shards = 1;
  bool no_overlap = false;
  int threads = 0;
  double seconds = 1.5;
  bool json = false;
};

struct Row {
  std::string model;
  std::string mode;
  std::int64_t batch = 0;
  double seconds = 0;  // median of a step
  double flop = 0;     // of a step
  double peak = 0;     // GFLOP/s
  double peak_mib = 0;
  // Of prepared networks.
  double worst_seconds = 0;  // 99th percentile of a call
  double prepare_seconds = 0;
  double weights_mib = 0;
};

// Of the calls of a row.
struct Times {
  double median = 0, worst = 0;  // the 99th percentile
};

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  std::istringstream in(list);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

// GFLOP/s of multiply-adds in registers on all threads at once.
double fma_peak() {
  const auto& probe = kernels_of<float>().probe;
  const int threads = parallel::thread_count();
  constexpr std::int64_t rounds = 4'000'000;
  double best = 0;
  for (int repeat = 0; repeat < 3; ++repeat) {
    const auto start = Clock::now();
    parallel::for_blocks(threads, 1, [&](std::int64_t, std::int64_t) { probe.multiply_add(rounds); });
    const double flop = static_cast<double>(probe.flops_per_round) * rounds * threads;
    best = std::max(best, flop / seconds_since(start) * 1e-9);
  }
  return best;
}

template <class Step>
Times times_of(double budget, Step step) {
  for (int warm = 0; warm < 3; ++warm) step();
  std::vector<double> times;
  const auto start = Clock::now();
  while (times.size() < 5 || seconds_since(start) < budget) {
    const auto begin = Clock::now();
    step();
    times.push_back(seconds_since(begin));
  }
  std::ranges::sort(times);
  return {times[times.size() / 2], times[times.size() * 99 / 100]};
}

// Multiply-adds of a step: training is three times inference less the gradient of the images, which nobody wants.
double flop_of(Layer& model, const Shape& input, const std::string& mode) {
  const Summary counted = summary(model, input);
  double first = 0;
  for (const SummaryRow& row : counted.rows) {
    if (row.multiply_adds == 0) continue;
    first = static_cast<double>(row.multiply_adds);
    break;
  }
  const auto forward = static_cast<double>(counted.multiply_adds);
  return 2 * (mode == "train" ? 3 * forward - first : forward);
}

Row measure(const std::string& name, std::int64_t batch, const std::string& mode, double budget) {
  const Work work = make_work(name, batch);
  Row row{.model = name, .mode = mode, .batch = batch};
  row.flop = flop_of(*work.model, work.input, mode);
  row.peak = fma_peak();
  memory::release_kept();
  memory::reset_peak();
  if (mode == "train") {
    Sgd optimizer(*work.model, {.lr = 0.01, .momentum = 0.9});
    row.seconds = times_of(budget, [&] { work.train(optimizer); }).median;
  } else if (mode == "prepared") {
    const auto start = Clock::now();
    const Prepared network = prepare(*work.model, work.input.without(0), {.batch = batch});
    row.prepare_seconds = seconds_since(start);
    row.weights_mib = static_cast<double>(network.bytes()) / (1 << 20);
    memory::release_kept();
    memory::reset_peak();
    const Times times = times_of(budget, [&] { network(work.images); });
    row.seconds = times.median;
    row.worst_seconds = times.worst;
  } else {
    work.model->eval();
    row.seconds = times_of(budget, [&] { (*work.model)(work.images); }).median;
  }
  row.peak_mib = static_cast<double>(memory::stats().peak_bytes) / (1 << 20);
  return row;
}

void print(const Row& row, bool json) {
  const double images = static_cast<double>(row.batch) / row.seconds;
  const double gflops = row.flop / row.seconds * 1e-9;
  if (json) {
    std::printf(
        "{\"model\": \"%s\", \"batch\": %lld, \"threads\": %d, \"mode\": \"%s\", \"images_per_s\": %.1f, "
        "\"gflops\": %.2f, \"fma_peak_gflops\": %.1f, \"peak_tensor_mib\": %.1f, ",
        row.model.c_str(), static_cast<long long>(row.batch), parallel::thread_count(), row.mode.c_str(), images,
        gflops, row.peak, row.peak_mib);
    if (row.mode == "prepared")
      std::printf("\"ms\": %.3f, \"p99_ms\": %.3f, \"prepare_ms\": %.1f, \"weights_mib\": %.1f, ", 1e3 * row.seconds,
                  1e3 * row.worst_seconds, 1e3 * row.prepare_seconds, row.weights_mib);
    std::printf("\"instruction_set\": \"%s\"}\n", instruction_set().c_str());
  } else {
    std::printf("%-10s %5lld  %-5s %3d threads  %10.0f images/s  %8.1f GFLOP/s  %5.1f %% of FMA peak  %7.1f MiB\n",
                row.model.c_str(), static_cast<long long>(row.batch), row.mode.c_str(), parallel::thread_count(),
                images, gflops, 100 * gflops / row.peak, row.peak_mib);
    if (row.mode == "prepared")
      std::printf("%29s median %.3f ms, 99th percentile %.3f ms; prepared in %.1f ms, weights %.1f MiB\n", "",
                  1e3 * row.seconds, 1e3 * row.worst_seconds, 1e3 * row.prepare_seconds, row.weights_mib);
  }
  std::fflush(stdout);
}

int bench(int argc, char** argv) {
  Settings settings;
  CLI::App app{"Measures Ebb's models on inputs in memory."};
  app.add_option("--models", settings.models, "names, separated by commas")->capture_default_str();
  app.add_option("--batches", settings.batches, "batch sizes, separated by commas")->capture_default_str();
  app.add_option("--modes", settings.modes, "train, infer and prepared, separated by commas")->capture_default_str();
  app.add_option("--layers", settings.layers,
                 "layers instead of models: resnet20, resnet18, resnet9, vgg11, mnistcnn, lenet, narrow, strided");
  app.add_option("--start", settings.start,
                 "a model: time from the start of the process to its first step, and peak memory after three");
  app.add_flag("--scaling", settings.scaling, "small networks with one thread and with --threads, in turns");
  app.add_flag("--loaders", settings.loaders, "trainings with augmentation: how long steps wait for batches");
  app.add_flag("--norms", settings.norms, "batch norm with ReLU and pooling instead of models");
  app.add_flag("--profile", settings.profile, "where the time of a training step of the models goes, by op");
  app.add_flag("--speedup", settings.speedup, "training steps of the models with one thread and --threads, in turns");
#ifdef EBB_BENCH_RANKS
  app.add_flag("--ranks", settings.ranks,
               "training steps of the models in --shards, on the ranks of mpirun if there are any");
  app.add_option("--shards", settings.shards, "parts of each batch, for --ranks")->capture_default_str();
  app.add_flag("--no-overlap", settings.no_overlap, "gradients are sent when all are complete, for --ranks");
#endif
  app.add_option("--threads", settings.threads, "threads; 0 for the default");
  app.add_option("--seconds", settings.seconds, "time for each row")->capture_default_str();
  app.add_flag("--json", settings.json, "one JSON object a line");
  CLI11_PARSE(app, argc, argv);
  if (settings.threads > 0) parallel::set_thread_count(settings.threads);
  if (!settings.start.empty()) {
    print_start(settings.start, std::stoll(split(settings.batches).front()), 3);
    return 0;
  }
#ifdef EBB_BENCH_RANKS
  if (settings.ranks) {
    RankRows rows{.models = split(settings.models),
                  .batches = {},
                  .shards = settings.shards,
                  .overlap = !settings.no_overlap,
                  .threads = settings.threads,
                  .seconds = settings.seconds,
                  .json = settings.json};
    for (const std::string& batch : split(settings.batches)) rows.batches.push_back(std::stoll(batch));
    print_rank_rows(rows);
    return 0;
  }
#endif
  if (settings.scaling) {
    print_scaling_rows(parallel::thread_count(), settings.seconds, settings.json);
    return 0;
  }
  if (settings.loaders) {
    print_loader_rows(settings.seconds, settings.json);
    return 0;
  }
  if (settings.norms) {
    for (const std::string& batch : split(settings.batches))
      print_norm_rows(std::stoll(batch), settings.seconds, settings.json);
    return 0;
  }
  if (!settings.layers.empty()) {
    for (const std::string& batch : split(settings.batches))
      print_layer_rows({std::stoll(batch), split(settings.layers), settings.seconds, settings.json}, fma_peak());
    return 0;
  }
  if (settings.profile || settings.speedup) {
    const int threads = parallel::thread_count();
    for (const std::string& model : split(settings.models))
      for (const std::string& batch : split(settings.batches))
        if (settings.profile) print_profile(model, std::stoll(batch), settings.seconds, fma_peak());
        else print_speedup(model, std::stoll(batch), threads, settings.seconds, settings.json);
    return 0;
  }
  for (const std::string& model : split(settings.models))
    for (const std::string& batch : split(settings.batches))
      for (const std::string& mode : split(settings.modes))
        print(measure(model, std::stoll(batch), mode, settings.seconds), settings.json);
  return 0;
}

}  // namespace
}  // namespace ebb

int main(int argc, char** argv) {
  try {
    return ebb::bench(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "ebb-bench: " << error.what() << '\n';
  } catch (...) {
    std::cerr << "ebb-bench: an exception of an unknown type\n";
  }
  return 1;
}
