#include "lab/study/study_data.h"

#include <algorithm>

#include "data/published.h"
#include "data/split.h"
#include "framework/tensor/error.h"
#include "framework/tensor/suggest.h"
#include "lab/recipe/names.h"
#include "lab/runs/environment.h"
#include "lab/setup/build.h"

namespace ebb {
namespace {

constexpr std::int64_t wanted_train = 5000, wanted_validation = 2000;

std::shared_ptr<const ImageDataset> standardised(const ImageDataset& images, const PixelStatistics& statistics) {
  auto copy = std::make_shared<ImageDataset>(images);
  copy->set_statistics(statistics);
  return copy;
}

double fraction_of(std::int64_t part, std::int64_t all) { return static_cast<double>(part) / static_cast<double>(all); }

}  // namespace

StudyData::StudyData(std::filesystem::path directory, std::vector<std::string> names)
    : directory_(std::move(directory)), names_(std::move(names)) {
  for (const std::string& name : names_) require_choice("data of the study", name, data_names());
}

std::filesystem::path StudyData::place_of(const std::string& name) const {
  const PublishedSet& set = published_set(name);
  try {
    for (const Split split : {Split::train, Split::test}) find_published(set, directory_, split);
    return directory_;
  } catch (const Error&) {
    if (directory_.empty()) throw;
  }
  for (const Split split : {Split::train, Split::test}) find_published(set, {}, split);
  return {};
}

std::string StudyData::missing() const {
  std::string out;
  for (const std::string& name : names_) try {
      place_of(name);
    } catch (const Error& error) {
      out += text(out.empty() ? "" : "\n", error.what());
    }
  return out;
}

const StudyData::Parts& StudyData::parts(const std::string& name) const {
  require_choice("data of the study", name, names_);
  const std::lock_guard lock(reading_);
  if (const auto found = read_.find(name); found != read_.end()) return found->second;
  Recipe recipe;
  recipe.data = name;
  recipe.data_dir = place_of(name).string();
  const RecipeData whole = read_data(recipe);
  const std::int64_t size = whole.train->size();
  const bool large = size > 2 * (wanted_train + wanted_validation);
  const SplitOptions choice{.seed = 1};
  ImageParts held =
      select(*whole.train, split(*whole.train, large ? fraction_of(wanted_validation, size) : 0.2, choice));
  const std::int64_t rest = held.train.size();
  const ImageDataset train =
      large ? select(held.train, split(held.train, fraction_of(wanted_train, rest), choice)).held_out
            : std::move(held.train);
  const PixelStatistics statistics = fit_statistics(train.pixels());
  return read_
      .emplace(name, Parts{standardised(train, statistics), standardised(held.held_out, statistics),
                           standardised(*whole.test, statistics)})
      .first->second;
}

ImageDataset StudyData::few(const std::string& name, double share, std::uint64_t seed) const {
  const ImageDataset& all = *train(name);
  return select(all, split(all, share, {.seed = seed}).held_out);
}

std::shared_ptr<const ImageDataset> StudyData::train(const std::string& name) const { return parts(name).train; }
ValidationSet StudyData::validation(const std::string& name) const { return ValidationSet(parts(name).validation); }
TestSet StudyData::test(const std::string& name) const { return TestSet(parts(name).test); }

std::string StudyData::checksums() const {
  std::string out;
  for (const std::string& name : names_) {
    const Parts& of = parts(name);
    out += text(out.empty() ? "" : "; ", name, ' ', dataset_sha256(*of.train), ' ', dataset_sha256(*of.validation), ' ',
                dataset_sha256(*of.test));
  }
  return out;
}

}  // namespace ebb
