/// \file
/// Samples that are held out from training: of each part another type, so that what is chosen by one part is not
/// reported on it.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "framework/tensor/random.h"

namespace ebb {

class ImageDataset;

/// What samples are for.
enum class Part : std::uint8_t {
  train,       ///< To learn from.
  validation,  ///< To choose by.
  test,        ///< To report on.
};

template <class Samples>
struct DrawnParts;

/// Samples of a part. Only StudyData and drawn_parts() make them.
template <class Samples, Part part>
class HeldOut {
 public:
  const Samples& samples() const { return *samples_; }  ///< All of them.

  /// Those of a data set: standardised as the training set is.
  const Samples& images() const requires std::is_same_v<Samples, ImageDataset> { return *samples_; }

 private:
  friend class StudyData;
  template <class Draw>
  friend auto drawn_parts(const Rng& rng, const Draw& draw);
  explicit HeldOut(std::shared_ptr<const Samples> samples) : samples_(std::move(samples)) {}
  std::shared_ptr<const Samples> samples_;
};

/// Samples that a study makes up.
template <class Samples>
struct DrawnParts {
  Samples train;                                  ///< To learn from.
  HeldOut<Samples, Part::validation> validation;  ///< To choose by.
  HeldOut<Samples, Part::test> test;              ///< To report on.
};

/// Samples of each part, from random numbers of its own.
/// \param draw called as `draw(rng, part)`, gives samples of any type.
template <class Draw>
auto drawn_parts(const Rng& rng, const Draw& draw) {
  using Samples = std::invoke_result_t<const Draw&, const Rng&, Part>;
  const auto held_out = [&](const char* name, Part part) {
    return std::make_shared<const Samples>(draw(rng.at(name), part));
  };
  return DrawnParts<Samples>{draw(rng.at("train"), Part::train),
                             HeldOut<Samples, Part::validation>(held_out("validation", Part::validation)),
                             HeldOut<Samples, Part::test>(held_out("test", Part::test))};
}

}  // namespace ebb
