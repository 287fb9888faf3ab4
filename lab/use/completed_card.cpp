#include "lab/use/completed_card.h"

#include <algorithm>

#include "framework/tensor/error.h"
#include "framework/tensor/memory_bound.h"
#include "lab/runs/evaluation_record.h"
#include "lab/runs/recipe_changes.h"
#include "lab/runs/run_files.h"
#include "lab/setup/build.h"
#include "lab/setup/extensions.h"

namespace ebb::detail {
namespace {

namespace fs = std::filesystem;

// Images of the sets whose names files of earlier versions hold.
std::optional<Shape> known_image(const std::string& data) {
  if (data == "mnist" || data == "fashion-mnist") return Shape{28, 28, 1};
  if (data == "cifar10" || data == "cifar100") return Shape{32, 32, 3};
  if (data == "optdigits") return Shape{8, 8, 1};
  return std::nullopt;
}

}  // namespace

void take_from_run(ModelCard& card, const fs::path& run, const std::shared_ptr<const Extensions>& extensions) {
  if (fs::exists(run / run_files::recipe.name)) {
    const Recipe recipe = for_program(run_recipe(Directory(run)).now, extensions);
    card.model = recipe;
    card.data = recipe.data;
  }
  if (card.classes.empty() && fs::exists(run / run_files::evaluation.name))
    card.classes =
        record_from_json(read_run_file(run, run_files::evaluation), (run / run_files::evaluation.name).string())
            .classes;
}

ModelCard completed(ModelCard card, const PredictorOptions& options, bool named, const std::string& where) {
  apply_settings(card.model, options.settings);
  if (!options.classes.empty()) card.classes = options.classes;
  if (!options.image.empty()) card.image = image_shape(options.image, "--image");
  if (!card.image) card.image = known_image(card.data);
  named = named || std::ranges::any_of(options.settings, [](const auto& s) { return s.starts_with("model="); });
  const auto missing = [&](const char* what, const char* remedy) {
    fail(where, text("a file that does not say ", what), "a model.safetensors of Ebb, or more about it", remedy);
  };
  if (!named) missing("which model it is of", "name it: --model lenet");
  if (!card.image) missing("what images it takes", "say it: --image 28x28x1 (height, width, channels)");
  if (card.classes.empty()) missing("what its classes are called", "name them in order: --classes cat,dog");
  if (!card.standardisation) {
    const auto channels = static_cast<std::size_t>((*card.image)[2]);
    card.standardisation = PixelStatistics{std::vector<double>(channels, 0.0), std::vector<double>(channels, 1.0)};
  }
  return card;
}

std::unique_ptr<Layer> network_of(const ModelCard& card, const State& weights, const std::string& where) {
  constexpr std::uint64_t small = 1 << 20, room = 4;  // what initialisers need beside a weight
  std::uint64_t largest = 0;
  for (const auto& entry : weights) largest = std::max<std::uint64_t>(largest, entry.second.bytes().size());
  const Shape& image = *card.image;
  const memory::Bound bound(room * largest + small, text("sizes as in ", where, ", whose largest tensor has ", largest,
                                                         " bytes: images of ", image, ", ", card.classes.size(),
                                                         " classes or the model's keys are not those of its weights"));
  return make_model(card.model, image, static_cast<std::int64_t>(card.classes.size()));
}

}  // namespace ebb::detail
