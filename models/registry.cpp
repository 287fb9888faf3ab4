#include "models/registry.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "framework/tensor/suggest.h"
#include "models/lenet.h"
#include "models/mlp.h"
#include "models/mnist_cnn.h"
#include "models/mobilenet.h"
#include "models/preact_resnet.h"
#include "models/resnet.h"
#include "models/speednet.h"
#include "models/vgg.h"
#include "models/vision_transformer.h"

namespace ebb {
namespace {

// Options that not all models have.
enum Has : unsigned { nothing = 0, has_norm = 1, has_shortcut = 2, has_dropout = 4, has_width = 8, has_hidden = 16 };

using Made = std::unique_ptr<Layer>;

struct Entry {
  const char* name;
  unsigned has;
  Made (*make)(const ModelOptions& options, const Rng& rng);
};

Made make_resnet(ResNetOptions options, const ModelOptions& o, const Rng& rng) {
  options.shortcut = o.shortcut.value_or(options.shortcut);
  options.norm = o.norm.value_or(options.norm);
  options.channels = o.image[2];
  options.classes = o.classes;
  return std::make_unique<ResNet>(options, rng);
}

Made make_preact(PreactResNetOptions options, const ModelOptions& o, const Rng& rng) {
  options.dropout = o.dropout.value_or(0);
  options.norm = o.norm.value_or(options.norm);
  options.channels = o.image[2];
  options.classes = o.classes;
  return std::make_unique<PreactResNet>(options, rng);
}

Made make_vgg(std::int64_t depth, const ModelOptions& o, const Rng& rng) {
  return std::make_unique<Vgg>(
      VggOptions{.depth = depth, .norm = o.norm.value_or(NormOptions{}), .channels = o.image[2], .classes = o.classes},
      rng);
}

// Sorted by name. A new model is one entry here.
constexpr std::array entries{
    Entry{"lenet", nothing,
          [](const ModelOptions& o, const Rng& rng) -> Made {
            return std::make_unique<LeNet>(LeNetOptions{.image = o.image, .classes = o.classes}, rng);
          }},
    Entry{"linear", nothing,
          [](const ModelOptions& o, const Rng& rng) -> Made {
            return std::make_unique<Mlp>(MlpOptions{.image = o.image, .hidden = {}, .classes = o.classes}, rng);
          }},
    Entry{"mlp", has_hidden,
          [](const ModelOptions& o, const Rng& rng) -> Made {
            MlpOptions options{.image = o.image, .classes = o.classes};
            options.hidden = o.hidden.value_or(options.hidden);
            return std::make_unique<Mlp>(options, rng);
          }},
    Entry{"mnistcnn", nothing,
          [](const ModelOptions& o, const Rng& rng) -> Made {
            if (o.image[0] != 28 || o.image[1] != 28)
              fail("MnistCnn", text("image = ", o.image), "[28, 28, channels]", "resize the images");
            return std::make_unique<MnistCnn>(MnistCnnOptions{.channels = o.image[2], .classes = o.classes}, rng);
          }},
    Entry{"mobilenetv2", has_norm | has_dropout,
          [](const ModelOptions& o, const Rng& rng) -> Made {
            return std::make_unique<MobileNetV2>(MobileNetV2Options{.dropout = o.dropout.value_or(0),
                                                                    .norm = o.norm.value_or(NormOptions{}),
                                                                    .channels = o.image[2],
                                                                    .classes = o.classes},
                                                 rng);
          }},
    Entry{"resnet18", has_norm | has_shortcut,
          [](const ModelOptions& o, const Rng& rng) { return make_resnet(resnet18(), o, rng); }},
    Entry{"resnet34", has_norm | has_shortcut,
          [](const ModelOptions& o, const Rng& rng) { return make_resnet(resnet34(), o, rng); }},
    Entry{"resnet9", has_norm | has_width,
          [](const ModelOptions& o, const Rng& rng) -> Made {
            return std::make_unique<ResNet9>(ResNet9Options{.width = o.width.value_or(64),
                                                            .norm = o.norm.value_or(NormOptions{}),
                                                            .channels = o.image[2],
                                                            .classes = o.classes},
                                             rng);
          }},
    Entry{"speednet", nothing,
          [](const ModelOptions& o, const Rng& rng) -> Made {
            return std::make_unique<SpeedNet>(
                SpeedNetOptions{
                    .channels = o.image[2], .classes = o.classes, .images = o.images ? o.images() : Tensor()},
                rng);
          }},
    Entry{"vgg11bn", has_norm, [](const ModelOptions& o, const Rng& rng) { return make_vgg(11, o, rng); }},
    Entry{"vgg13bn", has_norm, [](const ModelOptions& o, const Rng& rng) { return make_vgg(13, o, rng); }},
    Entry{"vgg16bn", has_norm, [](const ModelOptions& o, const Rng& rng) { return make_vgg(16, o, rng); }},
    Entry{"vit", has_norm | has_dropout,
          [](const ModelOptions& o, const Rng& rng) -> Made {
            VisionTransformerOptions options{.image = o.image, .dropout = o.dropout.value_or(0), .classes = o.classes};
            options.norm = o.norm.value_or(options.norm);
            return std::make_unique<VisionTransformer>(options, rng);
          }},
};

// Families whose names end in numbers, and the members that papers have.
struct Family {
  const char* name;
  int numbers;
  unsigned has;
  std::array<const char*, 6> members;
  Made (*make)(const std::array<std::int64_t, 2>& numbers, const ModelOptions& options, const Rng& rng);
};

using Numbers = std::array<std::int64_t, 2>;

constexpr std::array families{
    Family{"preresnet",
           1,
           has_norm | has_dropout,
           {"preresnet20", "preresnet32", "preresnet44", "preresnet56", "preresnet110"},
           [](const Numbers& n, const ModelOptions& o, const Rng& rng) {
             return make_preact(cifar_preact_resnet(n[0]), o, rng);
           }},
    Family{"resnet",
           1,
           has_norm | has_shortcut,
           {"resnet20", "resnet32", "resnet44", "resnet56", "resnet110"},
           [](const Numbers& n, const ModelOptions& o, const Rng& rng) {
             return make_resnet(cifar_resnet(n[0]), o, rng);
           }},
    Family{"wrn",
           2,
           has_norm | has_dropout,
           {"wrn-16-4", "wrn-16-8", "wrn-22-8", "wrn-28-10", "wrn-40-2", "wrn-40-4"},
           [](const Numbers& n, const ModelOptions& o, const Rng& rng) {
             return make_preact(wide_resnet(n[0], n[1]), o, rng);
           }},
};

// A name in small letters without the hyphens behind letters: "ResNet-20" and "resnet20" are the same.
std::string plain(std::string_view name) {
  std::string out;
  for (const char c : name)
    if (c != '-' || out.empty() || (out.back() >= '0' && out.back() <= '9'))
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

constexpr std::int64_t largest_number = 10'000;  // of a depth or width

// The numbers behind a family's name, with hyphens between them; nothing for other names.
std::optional<Numbers> numbers_of(std::string_view name, const Family& family) {
  if (!name.starts_with(family.name)) return std::nullopt;
  name.remove_prefix(std::string_view(family.name).size());
  Numbers out{};
  for (int i = 0; i < family.numbers; ++i) {
    if (i > 0 && !name.starts_with('-')) return std::nullopt;
    if (i > 0) name.remove_prefix(1);
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), out[static_cast<std::size_t>(i)]);
    const std::int64_t number = out[static_cast<std::size_t>(i)];
    if (error != std::errc() || number < 0 || number > largest_number) return std::nullopt;
    name.remove_prefix(static_cast<std::size_t>(end - name.data()));
  }
  return name.empty() ? std::optional(out) : std::nullopt;
}

void require_options(std::string_view name, const ModelOptions& o, unsigned has) {
  if (o.image.rank() != 3) fail("make_model", text("images ", o.image), "[height, width, channels]");
  struct Option {
    unsigned has;
    const char* name;
    bool given;
  };
  const std::array options{
      Option{has_norm, "norm", o.norm.has_value()}, Option{has_shortcut, "shortcut", o.shortcut.has_value()},
      Option{has_dropout, "dropout", o.dropout.has_value()}, Option{has_width, "width", o.width.has_value()},
      Option{has_hidden, "hidden", o.hidden.has_value()}};
  std::string takes;
  for (const Option& option : options)
    if ((has & option.has) != 0) takes += text(takes.empty() ? "" : ", ", option.name);
  for (const Option& option : options)
    if (option.given && (has & option.has) == 0)
      fail("make_model", text(option.name, " for ", name), takes.empty() ? "no option" : text("one of ", takes),
           "leave it out, or choose another model");
}

}  // namespace

std::unique_ptr<Layer> make_model(std::string_view name, const ModelOptions& options, const Rng& rng) {
  const std::string known = plain(name);
  for (const Entry& entry : entries) {
    if (known != entry.name) continue;
    require_options(name, options, entry.has);
    return entry.make(options, rng);
  }
  for (const Family& family : families) {
    const std::optional<Numbers> numbers = numbers_of(known, family);
    if (!numbers) continue;
    require_options(name, options, family.has);
    return family.make(*numbers, options, rng);
  }
  fail("make_model", text("the name ", in_quotes(name)), "the name of a model", suggestion(name, model_names()));
}

bool is_model_name(std::string_view name) {
  const std::string known = plain(name);
  return std::ranges::any_of(entries, [&](const Entry& entry) { return known == entry.name; }) ||
         std::ranges::any_of(families, [&](const Family& family) { return numbers_of(known, family).has_value(); });
}

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const Entry& entry : entries) names.emplace_back(entry.name);
  for (const Family& family : families)
    for (const char* const member : family.members)
      if (member != nullptr) names.emplace_back(member);
  std::ranges::sort(names);
  return names;
}

}  // namespace ebb
