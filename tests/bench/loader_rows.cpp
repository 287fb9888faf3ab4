#include "tests/bench/loader_rows.h"

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "data/image_dataset.h"
#include "data/loader.h"
#include "framework/ops/loss.h"
#include "framework/tensor/random.h"
#include "tests/bench/work.h"

namespace ebb {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// A network and what its recipe does to images.
struct Case {
  const char* model;
  const char* augmentation;
  std::int64_t batch;
  Augmentation augment;
};

// Noise of that many images in ten classes.
ImageDataset noise(std::int64_t count, const Shape& image) {
  Tensor pixels(image.insert(0, count), DType::u8), labels({count}, DType::u8);
  const Rng rng(7);
  std::uint64_t at = 0;
  for (std::uint8_t& p : pixels.mutable_span<std::uint8_t>()) p = static_cast<std::uint8_t>(rng.bits(at++));
  for (std::uint8_t& label : labels.mutable_span<std::uint8_t>()) label = static_cast<std::uint8_t>(at++ % 10);
  const std::vector<double> ones(static_cast<std::size_t>(image[-1]), 0.25);
  return {pixels, labels, std::vector<std::string>(10, "noise"), {.mean = ones, .deviation = ones}};
}

struct Fed {
  double images_per_second = 0;
  double waited = 0;  // share of the time
};

// Trains on the loader's batches for about that long.
Fed feed(const Work& work, const Loader& loader, double seconds) {
  Sgd optimizer(*work.model, {.lr = 1e-3, .momentum = 0.9});
  double waited = 0;
  std::int64_t images = 0;
  const auto start = Clock::now();
  for (std::int64_t number = 0; seconds_since(start) < seconds; ++number) {
    const Epoch epoch = loader.epoch(number);
    auto asked = Clock::now();
    for (const Batch& batch : epoch) {
      waited += seconds_since(asked);
      {
        Tape tape;
        tape.backward(softmax_cross_entropy((*work.model)(batch.images), batch.labels));
      }
      optimizer.step();
      optimizer.zero_grad();
      images += batch.images.dim(0);
      asked = Clock::now();
    }
  }
  const double whole = seconds_since(start);
  return {static_cast<double>(images) / whole, waited / whole};
}

}  // namespace

void print_loader_rows(double seconds, bool json) {
  const std::vector<Case> cases{
      {"lenet", "none", 128, {}},
      {"lenet", "translate 2", 128, {.translate = 2}},
      {"mnistcnn", "translate 2, rotate 15", 128, {.translate = 2, .rotate = 15}},
      {"resnet20", "flip, crop 4", 128, {.flip = Flip::random, .crop = 4, .border = Border::reflect}},
      {"resnet20",
       "all",
       128,
       {.flip = Flip::random,
        .crop = 4,
        .translate = 1,
        .rotate = 10,
        .brightness = 0.2,
        .contrast = 0.2,
        .saturation = 0.2,
        .cutout = 8,
        .mixup = 0.2,
        .cutmix = 1}},
      {"speednet", "flip, crop 2", 500, {.flip = Flip::alternating, .crop = 2, .border = Border::reflect}}};
  for (const Case& c : cases) {
    const Work work = make_work(c.model, c.batch);
    const ImageDataset images = noise(40 * c.batch, work.input.without(0));
    const auto loader = [&](std::int64_t prefetch) {
      return Loader(images, {.batch = c.batch, .augment = c.augment, .prefetch = prefetch});
    };
    const Loader alone = loader(0);
    std::int64_t made = 0;
    const auto start = Clock::now();
    for (std::int64_t number = 0; seconds_since(start) < seconds / 4; ++number)
      for (const Batch& batch : alone.epoch(number)) made += batch.images.dim(0);
    const double rate = static_cast<double>(made) / seconds_since(start);
    const Fed ahead = feed(work, loader(2), seconds), without = feed(work, loader(0), seconds);
    if (json)
      std::printf(
          "{\"loader\": \"%s\", \"model\": \"%s\", \"batch\": %lld, \"loader_images_per_s\": %.0f, "
          "\"training_images_per_s\": %.0f, \"waited\": %.5f, \"waited_without_prefetch\": %.5f}\n",
          c.augmentation, c.model, static_cast<long long>(c.batch), rate, ahead.images_per_second, ahead.waited,
          without.waited);
    else
      std::printf(
          "%-10s %5lld  %-24s  loader %9.0f images/s  training %8.0f images/s  waits %6.2f %% of it (%5.2f %% without "
          "prefetching)\n",
          c.model, static_cast<long long>(c.batch), c.augmentation, rate, ahead.images_per_second, 100 * ahead.waited,
          100 * without.waited);
    std::fflush(stdout);
  }
}

}  // namespace ebb
