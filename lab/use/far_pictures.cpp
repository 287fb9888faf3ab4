#include "lab/use/far_pictures.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "framework/tensor/printable.h"
#include "framework/tensor/text.h"

namespace ebb {
namespace {

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double brightness(const Tensor& pixels) {
  const auto all = pixels.span<std::uint8_t>();
  return std::accumulate(all.begin(), all.end(), 0.0) / (255.0 * static_cast<double>(all.size()));
}

// Whether channels differ by more than what a lamp or a scanner tints.
bool is_coloured(const Tensor& picture) {
  if (picture.dim(2) != 3) return false;
  const std::uint8_t* const pixel = picture.data<std::uint8_t>();
  std::int64_t coloured = 0;
  for (std::int64_t i = 0; i < picture.size(); i += 3) {
    const auto [low, high] = std::minmax({pixel[i], pixel[i + 1], pixel[i + 2]});
    coloured += high - low > 48 ? 1 : 0;
  }
  return 20 * coloured > picture.size() / 3;
}

}  // namespace

FarPictures::FarPictures(const ModelCard& card) : image_(*card.image), mean_(mean_of(card.standardisation->mean)) {}

std::vector<std::string> FarPictures::look(const Tensor& picture, const Tensor& fitted, const std::string& name) {
  std::vector<std::string> out;
  const auto say = [&](bool& said, const std::string& sentence) {
    if (!said) out.push_back(printable_line(name) + ": " + sentence);
    said = true;
  };
  // A mean near one half cannot tell: mirrored it is the same.
  const double bright = brightness(fitted);
  if (std::abs(mean_ - 0.5) > 0.15 && 2 * std::abs(bright - (1 - mean_)) < std::abs(bright - mean_))
    say(said_inverted_, text("looks inverted: the network was trained on ",
                             mean_ < 0.5 ? "light things on dark" : "dark things on light", "; try --invert"));
  if (image_[2] == 1 && is_coloured(picture))
    say(said_colour_, "is a colour picture, and the network sees grey ones: it gets the brightness alone");
  const auto [shorter, longer] = std::minmax({picture.dim(0), picture.dim(1)});
  const double shape = static_cast<double>(longer) / static_cast<double>(shorter);
  const auto [low, high] = std::minmax({image_[0], image_[1]});
  if (shape > 2 * static_cast<double>(high) / static_cast<double>(low))
    say(said_long_, "is much longer than the network's pictures: its ends are cut off; --fit pad keeps them");
  if (static_cast<double>(std::min(image_[0], image_[1])) > 4 * static_cast<double>(shorter))
    say(said_small_, "is tiny: enlarged more than four times it has little to see");
  return out;
}

}  // namespace ebb
