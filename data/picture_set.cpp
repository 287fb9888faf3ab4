#include "data/picture_set.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "data/picture.h"
#include "data/picture_file.h"
#include "data/picture_store.h"
#include "data/picture_survey.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"
#include "framework/tensor/machine_error.h"
#include "framework/tensor/printable.h"

namespace ebb {
namespace {

// What becomes of one file.
struct Fitted {
  Tensor pixels;
  std::string sha256, problem;
  bool held_out = false;
};

// A picture that is in the set.
struct Kept {
  const FolderPicture* source;
  std::string sha256;
  std::int64_t channels;
  bool test;
};

Fitted fitted(const PictureFolder& folder, const FolderPicture& picture, const PictureSize& size,
              const PictureSetOptions& options) {
  Fitted out;
  try {
    detail::PictureFile file = detail::read_picture_file(folder.root / picture.name);
    out.sha256 = std::move(file.sha256);
    if (!folder.has_test)
      out.held_out = detail::is_held_out(detail::pixel_sha256(file.pixels), options.test, options.seed);
    const Tensor coloured = options.grey ? with_channels(file.pixels, 1) : file.pixels;
    out.pixels =
        resize(coloured, size.height, size.width, {.fit = options.fit, .background = PictureOptions{}.background});
  } catch (const MachineError&) {
    throw;
  } catch (const Error& error) {
    out.problem = error.what();
  }
  return out;
}

// Decodes in rounds, and takes what comes of each round in the order of the files.
class Reading {
 public:
  Reading(const PictureFolder& folder, const PictureSize& size, const PictureSetOptions& options,
          std::function<void(std::int64_t)> progress)
      : folder_(folder), size_(size), options_(options), progress_(std::move(progress)) {
    read(folder.train, false);
    read(folder.test, true);
  }

  // Moves the pictures into the splits of a set.
  void fill(PictureSet& set) {
    const bool grey = std::ranges::all_of(kept_, [](const Kept& k) { return k.channels == 1; });
    const std::int64_t channels = grey ? 1 : 3, pixels = size_.height * size_.width;
    for (const bool test : {false, true}) {
      const std::int64_t n = std::ranges::count(kept_, test, &Kept::test);
      const DType labels = set.classes.size() > 256 ? DType::i32 : DType::u8;
      PictureSplit& split = test ? set.test : set.train;
      split.pixels = Tensor({n, size_.height, size_.width, channels}, DType::u8);
      split.labels = Tensor({n}, labels);
    }
    std::vector<std::uint8_t> own(static_cast<std::size_t>(3 * pixels));
    for (Kept& kept : kept_) {
      PictureSplit& split = kept.test ? set.test : set.train;
      const auto at = static_cast<std::int64_t>(split.sources.size());
      std::uint8_t* const into = split.pixels.mutable_data<std::uint8_t>() + at * pixels * channels;
      const std::span row(own.data(), static_cast<std::size_t>(pixels * kept.channels));
      store_.take(row);
      if (kept.channels == channels) std::ranges::copy(row, into);
      else
        for (std::int64_t p = 0; p < pixels; ++p) std::fill_n(into + 3 * p, 3, row[static_cast<std::size_t>(p)]);
      const std::int64_t label = kept.source->label;
      if (split.labels.dtype() == DType::u8)
        split.labels.mutable_data<std::uint8_t>()[at] = static_cast<std::uint8_t>(label);
      else split.labels.mutable_data<std::int32_t>()[at] = static_cast<std::int32_t>(label);
      split.sources.push_back(kept.source->name);
      split.sha256.push_back(std::move(kept.sha256));
    }
  }

  std::vector<SkippedPicture> skipped;

 private:
  void read(const std::vector<FolderPicture>& pictures, bool test) {
    const auto all = static_cast<std::int64_t>(pictures.size());
    // Pictures between two looks at their results: at most 16 MiB of them, where they are not very large.
    const std::int64_t round = std::clamp<std::int64_t>((1 << 24) / (3 * size_.height * size_.width), 4, 256);
    std::vector<Fitted> some(static_cast<std::size_t>(std::min(round, all)));
    for (std::int64_t first = 0; first < all; first += round) {
      const std::int64_t count = std::min(round, all - first);
      parallel::for_blocks(count, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
          some[static_cast<std::size_t>(i)] =
              fitted(folder_, pictures[static_cast<std::size_t>(first + i)], size_, options_);
      });
      for (std::int64_t i = 0; i < count; ++i)
        take(some[static_cast<std::size_t>(i)], pictures[static_cast<std::size_t>(first + i)], test);
      progress_(first + count + (test ? static_cast<std::int64_t>(folder_.train.size()) : 0));
    }
  }

  void take(Fitted& one, const FolderPicture& source, bool test) {
    if (!one.problem.empty()) return skipped.push_back({source.name, std::move(one.problem)});
    store_.add(one.pixels.span<std::uint8_t>());
    kept_.push_back({&source, std::move(one.sha256), one.pixels.dim(2), test || one.held_out});
    one.pixels = {};
  }

  const PictureFolder& folder_;
  PictureSize size_;
  const PictureSetOptions& options_;
  std::function<void(std::int64_t)> progress_;
  detail::PictureStore store_;
  std::vector<Kept> kept_;
};

void require_no_skipped(const PictureFolder& folder, const std::vector<SkippedPicture>& skipped) {
  std::vector<std::string> reasons;
  for (const SkippedPicture& one : skipped) reasons.push_back(one.reason);
  if (!reasons.empty())
    fail(folder.root.string(), text(reasons.size(), " pictures that cannot be read:", listed_offenders(reasons)),
         "PNG or JPEG pictures",
         "mend or remove them, or leave them out: --skip-broken, in a recipe skip_broken = true");
}

// Where the folder has a test set, no share of it is held out.
void require_pictures(const PictureFolder& folder, const PictureSet& set) {
  require_training_pictures(set, folder.root.string(),
                            folder.has_test ? "add pictures" : "add pictures, or hold fewer out: --test");
  if (set.test.labels.size() == 0)
    fail(folder.root.string(), "no picture in the test set", "at least one",
         folder.has_test ? "add pictures" : "add pictures, or hold more out: --test");
}

double rounded(double value) { return std::round(value * 1e4) / 1e4; }

}  // namespace

ReadPictures read_pictures(const PictureFolder& folder, const PictureSetOptions& options) {
  if (!folder.has_test && !(options.test > 0 && options.test < 1))
    fail("test", text("a share of ", options.test), "a share between 0 and 1");
  const auto total = static_cast<std::int64_t>(folder.train.size() + folder.test.size());
  const std::int64_t work = options.size ? total : 2 * total;
  const auto progress = [&](std::int64_t done) {
    if (options.progress) options.progress(done, work);
  };
  PictureSize size = options.size.value_or(PictureSize{});
  if (!options.size)
    size = median_size(survey_pictures(folder, [&](std::int64_t done, std::int64_t) { progress(done); }));
  Reading reading(folder, size, options, [&](std::int64_t done) { progress(work - total + done); });
  if (!options.skip_broken) require_no_skipped(folder, reading.skipped);
  ReadPictures out{.set = {.classes = folder.classes, .train = {}, .test = {}, .fit = options.fit},
                   .skipped = std::move(reading.skipped)};
  reading.fill(out.set);
  require_pictures(folder, out.set);
  return out;
}

std::vector<std::string> lacking_classes(const std::vector<std::string>& classes, const PictureSplit& split) {
  std::vector<bool> there(classes.size(), false);
  for (std::int64_t i = 0; i < split.labels.size(); ++i) there[static_cast<std::size_t>(label_of(split, i))] = true;
  std::vector<std::string> out;
  for (std::size_t c = 0; c < classes.size(); ++c)
    if (!there[c]) out.push_back(classes[c]);
  return out;
}

void require_training_pictures(const PictureSet& set, const std::string& where, const std::string& remedy) {
  const std::vector<std::string> lacking = lacking_classes(set.classes, set.train);
  if (!lacking.empty())
    fail(where, text("classes without a picture to learn from:", listed_offenders(lacking)), "at least one in each",
         remedy);
}

PixelStatistics picture_statistics(const PictureSet& set) {
  PixelStatistics out = fit_statistics(set.train.pixels);
  for (std::size_t c = 0; c < out.mean.size(); ++c)
    if (out.deviation[c] >= 0.01) {
      out.mean[c] = rounded(out.mean[c]);
      out.deviation[c] = rounded(out.deviation[c]);
    }
  return out;
}

ImageDataset to_dataset(const PictureSet& set, Split split, const PixelStatistics& statistics) {
  const PictureSplit& pictures = split == Split::train ? set.train : set.test;
  return {pictures.pixels, pictures.labels, set.classes, statistics};
}

}  // namespace ebb
