#include "lab/setup/build.h"

#include <algorithm>
#include <utility>

#include "data/cifar.h"
#include "data/mnist.h"
#include "data/optdigits.h"
#include "data/split.h"
#include "framework/io/safetensors.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "framework/tensor/suggest.h"
#include "lab/recipe/names.h"
#include "lab/setup/extensions.h"
#include "lab/setup/picture_data.h"
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

ImageDataset read_split(const Recipe& recipe, Split split) {
  for (const Source& source : sources)
    if (recipe.data == source.name) return source.read(recipe.data_dir, split);
  if (recipe.extensions)
    for (const OwnData& own : recipe.extensions->data)
      if (recipe.data == own.name) return own.read(recipe.data_dir, split);
  fail("data", in_quotes(recipe.data), "a data set", suggestion(recipe.data, data_names(recipe.extensions.get())));
}

constexpr Norm norm_kinds[] = {Norm::batch, Norm::layer, Norm::group, Norm::none};

NormOptions norm_of(const Recipe& recipe) {
  for (const Norm norm : norm_kinds)
    if (*recipe.norm == name(norm)) return {.kind = norm};
  if (recipe.extensions)
    for (const OwnNorm& own : recipe.extensions->norms)
      if (*recipe.norm == own.name) return {.own = [own, recipe](std::int64_t c) { return own.make(c, recipe); }};
  fail("norm", in_quotes(*recipe.norm), "a norm", suggestion(*recipe.norm, norm_names(recipe.extensions.get())));
}

// The model of that name among those of the program; null: none.
const OwnModel* own_model(const Recipe& recipe) {
  if (recipe.extensions)
    for (const OwnModel& own : recipe.extensions->models)
      if (recipe.model == own.name) return &own;
  return nullptr;
}

// The keys of a model that the recipe sets must be among those that it takes.
void require_keys(const OwnModel& model, const Recipe& recipe) {
  for (const char* const key : {"norm", "norm_groups", "shortcut", "dropout", "width", "hidden"})
    if (get(recipe, key) != get(Recipe{}, key) &&
        std::ranges::find(model.keys, std::string_view(key) == "norm_groups" ? "norm" : key) == model.keys.end())
      fail(key, text(key, " = ", in_quotes(get(recipe, key)), " for ", model.name), "none of these keys",
           "leave it out, or choose another model");
}

// So many samples of a set, each class with its share, standardised by themselves.
ImageDataset some_of(const ImageDataset& set, std::int64_t samples, std::uint64_t seed) {
  if (samples > set.size())
    fail("train_samples", text("train_samples = ", samples), text("at most the ", set.size(), " images there are"));
  if (samples == set.size()) return set;
  const double rest = 1 - static_cast<double>(samples) / static_cast<double>(set.size());
  return select(set, split(set, rest, {.seed = seed})).train;
}

std::shared_ptr<const ImageDataset> shared(ImageDataset set, const std::optional<PixelStatistics>& standardisation) {
  if (standardisation) set.set_statistics(*standardisation);
  return std::make_shared<const ImageDataset>(std::move(set));
}

}  // namespace

std::vector<Choice> data_choices(const Extensions* own) {
  std::vector<Choice> out;
  for (const Source& source : sources) out.push_back({source.name});
  out.push_back({folder_name, {"image_size", "fit", "grey", "test", "skip_broken"}});
  out.push_back({any_packed_set, {"image_size", "fit"}});
  if (own != nullptr)
    for (const OwnData& data : own->data) out.push_back({data.name});
  return out;
}

std::vector<std::string> norm_names(const Extensions* own) {
  std::vector<std::string> names;
  for (const Norm norm : norm_kinds) names.emplace_back(name(norm));
  if (own != nullptr)
    for (const OwnNorm& norm : own->norms) names.push_back(norm.name);
  return names;
}

RecipeData read_data(const Recipe& recipe, const std::optional<PixelStatistics>& standardisation,
                     const PictureProgress& progress) {
  RecipeData out;
  std::optional<PictureData> pictures;
  if (is_picture_data(recipe)) out.pictures = (pictures = read_picture_data(recipe, progress))->facts;
  ImageDataset train = pictures ? std::move(pictures->train) : read_split(recipe, Split::train);
  ImageDataset test = pictures ? std::move(pictures->test) : read_split(recipe, Split::test);
  std::optional<ImageDataset> held_out;
  if (recipe.validation > 0) {
    ImageParts parts = select(train, split(train, recipe.validation, {.seed = recipe.seed}));
    train = std::move(parts.train);
    held_out = std::move(parts.held_out);
  }
  if (recipe.train_samples > 0) train = some_of(train, recipe.train_samples, recipe.seed);
  const bool own = recipe.validation == 0 && recipe.train_samples == 0;  // each split as it was read
  const std::optional<PixelStatistics> statistics =
      standardisation || own ? standardisation : std::optional(train.statistics());
  out.train = shared(std::move(train), statistics);
  if (held_out) out.validation = shared(std::move(*held_out), statistics);
  out.test = shared(std::move(test), statistics);
  return out;
}

std::shared_ptr<const ImageDataset> read_test_data(const Recipe& recipe,
                                                   const std::optional<PixelStatistics>& standardisation,
                                                   const PictureProgress& progress) {
  if (!standardisation) return read_data(recipe, {}, progress).test;
  return shared(is_picture_data(recipe) ? read_picture_data(recipe, progress).test : read_split(recipe, Split::test),
                standardisation);
}

std::unique_ptr<Layer> make_model(const Recipe& recipe, const Dataset& data) {
  return make_model(recipe, data.sample_shape(), data.classes(), [&data] { return some_images(data); });
}

std::unique_ptr<Layer> make_model(const Recipe& recipe, const Shape& image, std::int64_t classes,
                                  std::function<Tensor()> images) {
  if (recipe.norm_groups && recipe.norm != name(Norm::group))
    fail("norm_groups", text("norm_groups = ", *recipe.norm_groups, " beside norm = \"", get(recipe, "norm"), '"'),
         "norm = \"group\"", "leave it out, or choose another norm");
  ModelOptions options{.image = image, .classes = classes};
  if (recipe.norm) options.norm = norm_of(recipe);
  if (recipe.norm_groups) options.norm->groups = *recipe.norm_groups;
  options.shortcut = recipe.shortcut;
  options.dropout = recipe.dropout;
  options.width = recipe.width;
  options.hidden = recipe.hidden;
  options.images = std::move(images);
  const Rng rng = Rng(recipe.seed).at("model");
  const OwnModel* const own = own_model(recipe);
  if (own == nullptr) return make_model(recipe.model, options, rng);
  require_keys(*own, recipe);
  std::unique_ptr<Layer> model = own->make(options, rng, recipe);
  if (!model) fail("model", text("no model ", in_quotes(own->name)), "one", "return it from OwnModel::make");
  return model;
}

void load_initial(Layer& model, const Recipe& recipe) {
  const std::string& except = recipe.init_except;
  if (recipe.init.empty()) {
    if (!except.empty())
      fail("init_except", text("init_except = ", in_quotes(except), " without init"), "both or none");
    return;
  }
  State weights = load_safetensors(recipe.init).tensors;
  if (!except.empty()) {
    std::erase_if(weights, [&](const auto& entry) { return entry.first.starts_with(except); });
    const std::size_t given = weights.size();
    for (const auto& [path, tensor] : model.state())
      if (path.starts_with(except)) weights[path] = tensor;
    if (weights.size() == given)
      fail("init_except", text("init_except = ", in_quotes(except)), text("the beginning of a name in ", recipe.model),
           "`ebb train` prints them, as in \"fc.\"");
  }
  try {
    model.load_state(weights);
  } catch (const Error& error) {
    fail("init", text(in_quotes(recipe.init), ", where ", error.what()), text("weights of ", recipe.model),
         "init_except = \"fc.\" leaves a layer of another shape as it begins");
  }
}

}  // namespace ebb
