#include "models/registry.h"

#include <array>

#include "framework/tensor/error.h"
#include "framework/tensor/suggest.h"
#include "models/lenet.h"
#include "models/mlp.h"

namespace ebb {
namespace {

struct Entry {
  const char* name;
  std::unique_ptr<Layer> (*make)(const ModelOptions& options, const Rng& rng);
};

// Sorted by name. A new model is one line here.
constexpr std::array entries{
    Entry{"lenet",
          [](const ModelOptions& o, const Rng& rng) -> std::unique_ptr<Layer> {
            return std::make_unique<LeNet>(LeNetOptions{.image = o.image, .classes = o.classes}, rng);
          }},
    Entry{"linear",
          [](const ModelOptions& o, const Rng& rng) -> std::unique_ptr<Layer> {
            return std::make_unique<Mlp>(MlpOptions{.image = o.image, .hidden = {}, .classes = o.classes}, rng);
          }},
    Entry{"mlp",
          [](const ModelOptions& o, const Rng& rng) -> std::unique_ptr<Layer> {
            return std::make_unique<Mlp>(MlpOptions{.image = o.image, .classes = o.classes}, rng);
          }},
};

}  // namespace

std::unique_ptr<Layer> make_model(std::string_view name, const ModelOptions& options, const Rng& rng) {
  for (const Entry& entry : entries)
    if (name == entry.name) return entry.make(options, rng);
  fail("make_model", text("the name \"", name, '"'), "the name of a model", suggestion(name, model_names()));
}

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const Entry& entry : entries) names.emplace_back(entry.name);
  return names;
}

}  // namespace ebb
