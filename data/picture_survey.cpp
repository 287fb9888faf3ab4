#include "data/picture_survey.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "data/picture_file.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"
#include "framework/tensor/machine_error.h"

namespace ebb {
namespace {

// Sums of bytes are whole numbers: no rounding before the end.
double largest_deviation(const Tensor& picture) {
  const std::int64_t channels = picture.dim(2), pixels = picture.dim(0) * picture.dim(1);
  const std::uint8_t* const bytes = picture.data<std::uint8_t>();
  double largest = 0;
  for (std::int64_t c = 0; c < channels; ++c) {
    std::int64_t sum = 0, squares = 0;
    for (std::int64_t p = 0; p < pixels; ++p) {
      const std::int64_t value = bytes[p * channels + c];
      sum += value;
      squares += value * value;
    }
    const double mean = static_cast<double>(sum) / static_cast<double>(pixels);
    const double variance = static_cast<double>(squares) / static_cast<double>(pixels) - mean * mean;
    largest = std::max(largest, std::sqrt(std::max(0.0, variance)));
  }
  return largest;
}

void look_at(const Tensor& picture, SurveyedPicture& out) {
  out.size = {picture.dim(0), picture.dim(1)};
  out.grey = picture.dim(2) == 1;
  out.deviation = largest_deviation(picture);
  out.pixel_sha256 = detail::pixel_sha256(picture);
}

constexpr std::int64_t round_of = 256;  // pictures between two calls of progress

// Calls look(i) for 0 .. count-1 in parallel.
template <class Look, class Progress>
void for_all(std::size_t count, const Look& look, const Progress& progress) {
  const auto all = static_cast<std::int64_t>(count);
  for (std::int64_t first = 0; first < all; first += round_of) {
    const std::int64_t some = std::min(round_of, all - first);
    parallel::for_blocks(some, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) look(static_cast<std::size_t>(first + i));
    });
    progress(first + some);
  }
}

std::vector<SurveyedPicture> survey_split(const PictureSplit& split) {
  std::vector<SurveyedPicture> out(split.sources.size());
  const Shape shape = split.pixels.shape().without(0);
  for_all(
      out.size(),
      [&](std::size_t i) {
        const auto length = static_cast<std::size_t>(shape.size());
        const Tensor picture = Tensor::from(split.pixels.span<std::uint8_t>().subspan(i * length, length), shape);
        out[i].source = split.sources[i];
        out[i].label = label_of(split, static_cast<std::int64_t>(i));
        look_at(picture, out[i]);
      },
      [](std::int64_t) {});
  return out;
}

}  // namespace

PictureSurvey survey_pictures(const PictureFolder& folder,
                              const std::function<void(std::int64_t done, std::int64_t total)>& progress) {
  PictureSurvey out{.classes = folder.classes,
                    .train = std::vector<SurveyedPicture>(folder.train.size()),
                    .test = std::vector<SurveyedPicture>(folder.test.size())};
  const auto total = static_cast<std::int64_t>(folder.train.size() + folder.test.size());
  std::int64_t before = 0;
  for (const auto& [files, looked] : {std::pair(&folder.train, &out.train), std::pair(&folder.test, &out.test)}) {
    for_all(
        files->size(),
        [&, files = files, looked = looked](std::size_t i) {
          SurveyedPicture& one = (*looked)[i];
          one.source = (*files)[i].name;
          one.label = (*files)[i].label;
          try {
            look_at(detail::read_picture_file(folder.root / one.source).pixels, one);
          } catch (const MachineError&) {
            throw;
          } catch (const Error& error) {
            one.problem = error.what();
          }
        },
        [&](std::int64_t done) {
          if (progress) progress(before + done, total);
        });
    before += static_cast<std::int64_t>(files->size());
  }
  return out;
}

PictureSurvey survey_pictures(const PictureSet& set) {
  return {.classes = set.classes, .train = survey_split(set.train), .test = survey_split(set.test)};
}

PictureSize median_size(const PictureSurvey& survey) {
  std::vector<std::int64_t> heights, widths;
  for (const auto* split : {&survey.train, &survey.test})
    for (const SurveyedPicture& one : *split)
      if (one.problem.empty()) {
        heights.push_back(one.size.height);
        widths.push_back(one.size.width);
      }
  if (heights.empty()) fail("pictures", "none that can be read", "at least one");
  const auto median = [](std::vector<std::int64_t>& sides) {
    const auto middle = sides.begin() + static_cast<std::ptrdiff_t>((sides.size() - 1) / 2);
    std::ranges::nth_element(sides, middle);
    return *middle;
  };
  return {median(heights), median(widths)};
}

std::vector<EqualPictures> equal_pictures(const std::vector<SurveyedPicture>& first,
                                          const std::vector<SurveyedPicture>& second) {
  std::unordered_map<std::string_view, const SurveyedPicture*> known;
  for (const SurveyedPicture& one : first)
    if (one.problem.empty()) known.try_emplace(one.pixel_sha256, &one);
  std::vector<EqualPictures> out;
  for (const SurveyedPicture& one : second)
    if (const auto found = known.find(one.pixel_sha256);
        one.problem.empty() && found != known.end() && found->second != &one)
      out.push_back({found->second, &one});
  return out;
}

}  // namespace ebb
