/// \file
/// Models by name, for programs and configuration files.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "framework/nn/layer.h"
#include "models/norm.h"
#include "models/shortcut.h"

namespace ebb {

/// What every model of the registry must be told, and what some can be told. Options that are not set are the model's
/// own defaults.
struct ModelOptions {
  Shape image{28, 28, 1};                  ///< `[h, w, c]` of an input.
  std::int64_t classes = 10;               ///< Number of logits.
  std::optional<NormOptions> norm = {};    ///< Of convolutional networks but lenet and mnistcnn, and of vit.
  std::optional<Shortcut> shortcut = {};   ///< Of resnets that are not pre-activated, resnet9 excepted.
  std::optional<double> dropout = {};      ///< Of wrn, preresnet, mobilenetv2 and vit; by default none.
  std::optional<std::int64_t> width = {};  ///< Channels of the first convolution, of resnet9.
  std::optional<std::vector<std::int64_t>> hidden = {};  ///< Widths of the hidden layers, of mlp.
  /// Gives standardised images, f32 `[n, h, w, c]`, to which speednet fits its first filters; none: orthogonal filters.
  std::function<Tensor()> images = {};
};

/// The model called `name`, built from `rng`: `[n, h, w, c]` -> `[n, classes]` logits. Besides model_names() every
/// resnet-DEPTH and preresnet-DEPTH (depth 6 n + 2) and wrn-DEPTH-WIDTH (depth 6 n + 4) is known; hyphens behind
/// letters may be left out, and letters be large: resnet56, ResNet-56. \throws Error with the known names, and the
/// nearest one, when there is no such model; and when an option was set that the model does not have.
std::unique_ptr<Layer> make_model(std::string_view name, const ModelOptions& options, const Rng& rng);

/// Whether there is a model of this name or a family of it: "resnet-8" and, whose depth make_model() refuses,
/// "resnet-7".
bool is_model_name(std::string_view name);

/// The names of the models of papers, sorted.
std::vector<std::string> model_names();

}  // namespace ebb
