// Reads samples with Augmentation.
#pragma once

#include <memory>
#include <span>

#include "data/augment.h"
#include "data/loader.h"
#include "framework/tensor/random.h"

namespace ebb {

class Augmenter {
 public:
  Augmenter(std::shared_ptr<const Dataset> dataset, const Augmentation& options, std::uint64_t seed);

  // The samples `indices` as they are in epoch number `epoch`.
  Batch read(std::span<const std::int64_t> indices, std::int64_t epoch) const;

 private:
  struct Mix;                                     // what a sample is mixed with
  std::int64_t partner_of(const Rng& rng) const;  // -1: none
  Mix mix_of(const Rng& rng) const;
  void change(const float* from, float* to, std::int64_t sample, std::int64_t epoch, const Rng& rng) const;
  void blend(const Mix& mix, const float* partner, float* to) const;
  std::int64_t noisy(std::int64_t label, std::int64_t sample) const;

  std::shared_ptr<const Dataset> dataset_;
  Augmentation options_;
  Rng samples_, flips_, noise_;
  std::int64_t height_ = 1, width_ = 1, channels_ = 1;  // of a sample
  std::int64_t classes_;
};

}  // namespace ebb
