#include "lab/use/filter_record.h"

#include "framework/tensor/error.h"
#include "lab/format/png.h"
#include "lab/use/called_layers.h"
#include "lab/use/filter_sheet.h"

namespace ebb {

std::optional<FilterRecord> filter_record(Layer& model, const Shape& image, const State& weights) try {
  const std::vector<CalledLayer> layers = called_layers(model, image);
  const CalledLayer* const first = first_convolution(layers);
  if (first == nullptr) return std::nullopt;
  const auto& conv = static_cast<const Conv2d&>(*first->layer);
  if (conv.weight.shape()[2] * conv.geometry().groups != image[-1]) return std::nullopt;
  const std::vector<LabelledFilters> banks{{"", filters_of(first->path, weights.at(first->path + ".weight"))}};
  return FilterRecord{in_words(banks.front().filters), base64(png(filter_sheet(banks)))};
} catch (const Error&) {
  return std::nullopt;  // a training's results do not depend on it
}

}  // namespace ebb
