#include "lab/setup/build.h"

#include <algorithm>

#include "data/cifar.h"
#include "data/mnist.h"
#include "data/optdigits.h"
#include "data/split.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "framework/tensor/suggest.h"
#include "lab/recipe/names.h"
#include "models/registry.h"

namespace ebb {
namespace {

// A data set is a line here.
struct Source {
  const char* name;
  ImageDataset (*read)(const std::string& directory, Split split);
};

template <class Set>
ImageDataset read(const std::string& directory, Split split) {
  return Set(directory, split);
}

constexpr Source sources[] = {{"mnist", read<Mnist>},
                              {"fashion-mnist", read<FashionMnist>},
                              {"cifar10", read<Cifar10>},
                              {"cifar100", read<Cifar100>},
                              {"optdigits", read<Optdigits>}};

// Up to a thousand samples from all over the set.
Tensor some_images(const Dataset& data) {
  const std::int64_t count = std::min<std::int64_t>(data.size(), 1000);
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < count; ++i) indices.push_back(i * data.size() / count);
  Tensor images(data.sample_shape().insert(0, count), DType::f32);
  std::vector<std::int64_t> labels(indices.size());
  data.read(indices, images.mutable_span<float>(), labels);
  return images;
}

const Source& source_of(const Recipe& recipe) {
  for (const Source& source : sources)
    if (recipe.data == source.name) return source;
  fail("data", in_quotes(recipe.data), "a data set", suggestion(recipe.data, data_names()));
}

std::shared_ptr<const ImageDataset> shared(ImageDataset set, const std::optional<PixelStatistics>& standardisation) {
  if (standardisation) set.set_statistics(*standardisation);
  return std::make_shared<const ImageDataset>(std::move(set));
}

}  // namespace

std::vector<std::string> data_names() {
  std::vector<std::string> names;
  for (const Source& source : sources) names.emplace_back(source.name);
  return names;
}

RecipeData read_data(const Recipe& recipe, const std::optional<PixelStatistics>& standardisation) {
  const Source& source = source_of(recipe);
  ImageDataset train = source.read(recipe.data_dir, Split::train);
  ImageDataset test = source.read(recipe.data_dir, Split::test);
  if (recipe.validation == 0)
    return {shared(std::move(train), standardisation), nullptr, shared(std::move(test), standardisation)};
  ImageParts parts = select(train, split(train, recipe.validation, {.seed = recipe.seed}));
  const PixelStatistics statistics = standardisation.value_or(parts.train.statistics());
  return {shared(std::move(parts.train), statistics), shared(std::move(parts.held_out), statistics),
          shared(std::move(test), statistics)};
}

std::shared_ptr<const ImageDataset> read_test_data(const Recipe& recipe,
                                                   const std::optional<PixelStatistics>& standardisation) {
  if (!standardisation) return read_data(recipe).test;
  return shared(source_of(recipe).read(recipe.data_dir, Split::test), standardisation);
}

std::unique_ptr<Layer> make_model(const Recipe& recipe, const Dataset& data) {
  if (recipe.norm_groups && recipe.norm != Norm::group)
    fail("norm_groups", text(*recipe.norm_groups, " for norm = ", get(recipe, "norm")), "norm = group",
         "leave it out, or choose another norm");
  ModelOptions options{.image = data.sample_shape(), .classes = data.classes()};
  if (recipe.norm) options.norm = NormOptions{.kind = *recipe.norm};
  if (recipe.norm_groups) options.norm->groups = *recipe.norm_groups;
  options.shortcut = recipe.shortcut;
  options.dropout = recipe.dropout;
  options.width = recipe.width;
  options.hidden = recipe.hidden;
  options.images = [&data] { return some_images(data); };
  return make_model(recipe.model, options, Rng(recipe.seed).at("model"));
}

}  // namespace ebb
