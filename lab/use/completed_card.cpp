#include "lab/use/completed_card.h"

#include <algorithm>

#include "framework/tensor/error.h"
#include "lab/runs/evaluation_record.h"
#include "lab/runs/recipe_changes.h"
#include "lab/runs/run_files.h"
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

}  // namespace ebb::detail
