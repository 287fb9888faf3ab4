#include "lab/program/show_command.h"

#include <algorithm>
#include <iostream>

#include "framework/compute/basic.h"
#include "framework/tensor/error.h"
#include "framework/tensor/machine_error.h"
#include "framework/tensor/printable.h"
#include "lab/format/numbers.h"
#include "lab/program/png_folder.h"
#include "lab/program/program_name.h"
#include "lab/training/confusion.h"
#include "lab/use/called_layers.h"
#include "lab/use/feature_maps.h"
#include "lab/use/filter_sheet.h"
#include "lab/use/grad_cam.h"
#include "lab/use/inside_sheets.h"
#include "lab/use/saliency.h"

namespace ebb {
namespace {

constexpr std::size_t most_side_by_side = 8;

int show_filters(const ShowCommand& command) {
  if (!command.pictures.empty())
    fail("show", text("the picture ", in_quotes(command.pictures.front()), " for filters"), "networks alone",
         "filters are those of the network, whatever it looks at");
  if (command.models.size() > most_side_by_side)
    fail("show", text(command.models.size(), " networks"), text("at most ", most_side_by_side, " side by side"));
  PngFolder folder(command.out, command.overwrite, {});
  std::string stem;
  std::vector<LabelledFilters> banks;
  for (const std::string& model : command.models) stem += (stem.empty() ? "" : "-") + stem_of(model).substr(0, 25);
  const std::string name = folder.name_for(stem, "filters");
  for (const std::string& model : command.models) {
    Predictor predictor(model, command.options);
    Filters filters = first_filters(predictor.model(), predictor.image());
    filters.weights = filters.weights.clone();  // the network ends here
    banks.push_back({stem_of(model), std::move(filters)});
  }
  const auto alike = [&](const LabelledFilters& bank) {
    return std::ranges::count(banks, bank.label, &LabelledFilters::label) > 1;
  };
  if (std::ranges::any_of(banks, alike))
    for (std::size_t i = 0; i < banks.size(); ++i) banks[i].label = command.models[i];
  if (banks.size() == 1) banks.front().label.clear();
  const std::string path = folder.write(name, filter_sheet(banks));
  for (std::size_t i = 0; i < banks.size(); ++i)
    std::cout << printable_line(command.models[i]) << ": " << printable_line(in_words(banks[i].filters)) << '\n';
  std::cout << printable_line(path) << '\n';
  return 0;
}

// Shows one network's pictures.
class Show {
 public:
  explicit Show(const ShowCommand& command)
      : command_(command),
        predictor_(command.models.front(), command.options),
        layers_(called_layers(predictor_.model(), predictor_.image())),
        layer_(chosen_layer()) {}

  // What a picture becomes. \param fitted u8 of the network's image.
  Tensor sheet(const std::string& path, const Tensor& fitted) {
    const Tensor pixels = fitted.reshape(fitted.shape().insert(0, 1)), images = predictor_.standardised(pixels);
    const Tensor logits = predictor_.logits(pixels);
    const std::optional<std::int64_t> best = predicted_class(logits.span<float>());
    if (!best && command_.what != Inside::maps) throw no_class(path);
    const auto number = static_cast<std::size_t>(best.value_or(0));
    said_ = best ? text(predictor_.classes()[number], ' ', percent(probabilities(logits).span<float>()[number], 1))
                 : "no class: logits that are not finite";
    const Tensor classes = Tensor::from({best.value_or(0)}, {1});
    Layer& model = predictor_.model();
    switch (command_.what) {
      case Inside::maps: return map_sheet(feature_maps(model, images, layer_));
      case Inside::saliency: return saliency_sheet(fitted, saliency(model, images, classes));
      case Inside::cam: {
        const Tensor cam = grad_cam(model, images, {.layer = layer_, .classes = classes});
        if (max_abs(cam) == 0) said_ += text(", for which no region of ", layer_, " speaks");
        return cam_sheet(fitted, cam);
      }
      case Inside::filters: break;
    }
    fail("show", "no kind that takes pictures", "maps, saliency or cam");
  }

  // The class of the last picture and its probability.
  const std::string& said() const { return said_; }
  const Predictor& predictor() const { return predictor_; }

  // "saliency", "maps-conv1": as in the names of files.
  std::string kind() const {
    const std::string& name = inside_names()[static_cast<std::size_t>(command_.what)];
    return layer_.empty() ? name : name + '-' + layer_;
  }

 private:
  std::string chosen_layer() const {
    if (command_.what == Inside::saliency) return {};
    if (!command_.layer.empty()) return layer_called(layers_, command_.layer, "--layer").path;
    const bool first = command_.what == Inside::maps;
    const CalledLayer* const layer = first ? first_convolution(layers_) : last_convolution(layers_);
    if (layer == nullptr)
      fail("show", text("the model ", predictor_.card().model.model, ", which has no convolution"),
           "one that has, or a layer", "name one of its layers with --layer; `ebb summary` lists them");
    return layer->path;
  }

  const ShowCommand& command_;
  Predictor predictor_;
  std::vector<CalledLayer> layers_;
  std::string layer_, said_;
};

int show_pictures(const ShowCommand& command) {
  const std::string& what = inside_names()[static_cast<std::size_t>(command.what)];
  if (command.models.size() != 1)
    fail("show", text(command.models.size(), " networks for ", what), "one", "filters are shown side by side");
  if (command.pictures.empty())
    fail("show", text("no picture for ", what), "one at least", "name PNG or JPEG files, or directories of them");
  bool all_shown = true;
  const std::vector<std::string> paths = listed_pictures(command.pictures, all_shown);
  if (paths.empty()) return 1;
  PngFolder folder(command.out, command.overwrite, paths);
  Show show(command);
  std::vector<std::string> names;
  for (const std::string& path : paths) names.push_back(folder.name_for(stem_of(path), show.kind()));
  PictureReader reader(show.predictor(), command.reading);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    try {
      const Tensor sheet = show.sheet(paths[i], reader.read(paths[i]));
      const std::string written = folder.write(names[i], sheet);
      std::cout << printable_line(paths[i]) << "  " << printable_line(show.said()) << "  " << printable_line(written)
                << '\n';
    } catch (const MachineError&) {
      throw;
    } catch (const Error& error) {
      complain() << printable(error.what()) << '\n';
      all_shown = false;
    }
  }
  return all_shown ? 0 : 1;
}

}  // namespace

const std::vector<std::string>& inside_names() {
  static const std::vector<std::string> names{"filters", "maps", "saliency", "cam"};
  return names;
}

int run(const ShowCommand& command) {
  return command.what == Inside::filters ? show_filters(command) : show_pictures(command);
}

}  // namespace ebb
