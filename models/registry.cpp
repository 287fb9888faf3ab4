#include "models/registry.h"

#include <array>

#include "framework/tensor/error.h"
#include "framework/tensor/suggest.h"
#include "models/lenet.h"
#include "models/mlp.h"
#include "models/mnist_cnn.h"
#include "models/resnet.h"
#include "models/vgg.h"

namespace ebb {
namespace {

struct Entry {
  const char* name;
  std::unique_ptr<Layer> (*make)(const ModelOptions& options, const Rng& rng);
};

std::unique_ptr<Layer> make_resnet(ResNetOptions options, const ModelOptions& o, const Rng& rng) {
  options.channels = o.image[2];
  options.classes = o.classes;
  return std::make_unique<ResNet>(options, rng);
}

std::unique_ptr<Layer> make_vgg(std::int64_t depth, const ModelOptions& o, const Rng& rng) {
  return std::make_unique<Vgg>(VggOptions{.depth = depth, .channels = o.image[2], .classes = o.classes}, rng);
}

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
    Entry{"mnistcnn",
          [](const ModelOptions& o, const Rng& rng) -> std::unique_ptr<Layer> {
            return std::make_unique<MnistCnn>(MnistCnnOptions{.channels = o.image[2], .classes = o.classes}, rng);
          }},
    Entry{"resnet18", [](const ModelOptions& o, const Rng& rng) { return make_resnet(resnet18(), o, rng); }},
    Entry{"resnet20", [](const ModelOptions& o, const Rng& rng) { return make_resnet(cifar_resnet(20), o, rng); }},
    Entry{"resnet32", [](const ModelOptions& o, const Rng& rng) { return make_resnet(cifar_resnet(32), o, rng); }},
    Entry{"resnet44", [](const ModelOptions& o, const Rng& rng) { return make_resnet(cifar_resnet(44), o, rng); }},
    Entry{"resnet56", [](const ModelOptions& o, const Rng& rng) { return make_resnet(cifar_resnet(56), o, rng); }},
    Entry{"resnet9",
          [](const ModelOptions& o, const Rng& rng) -> std::unique_ptr<Layer> {
            return std::make_unique<ResNet9>(ResNet9Options{.channels = o.image[2], .classes = o.classes}, rng);
          }},
    Entry{"vgg11bn", [](const ModelOptions& o, const Rng& rng) { return make_vgg(11, o, rng); }},
    Entry{"vgg13bn", [](const ModelOptions& o, const Rng& rng) { return make_vgg(13, o, rng); }},
    Entry{"vgg16bn", [](const ModelOptions& o, const Rng& rng) { return make_vgg(16, o, rng); }},
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
