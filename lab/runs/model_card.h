/// \file
/// What a file of weights says about itself, so that it can be used without its run directory and without data.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "framework/tensor/shape.h"
#include "lab/recipe/recipe.h"

namespace ebb {

/// A network for use: how it is built, what it takes, what it gives.
struct ModelCard {
  Recipe model = {};                                    ///< Its keys of the section "model", and those of programs.
  std::optional<Shape> image = {};                      ///< `[h, w, c]` that it takes.
  std::vector<std::string> classes = {};                ///< Their names, in the order of the logits.
  std::optional<PixelStatistics> standardisation = {};  ///< Of the images; none: pixels are 0 to 1.
  std::optional<Fit> fit = {};                          ///< How its pictures got their size; none: not known.
  std::string data = {};                                ///< Name of the data that it was trained on.
  std::string version = {};                             ///< Of the Ebb that trained it.
};

/// The card of a run's network.
ModelCard model_card(const Recipe& recipe, const Dataset& data);

/// The entries of a file's metadata: "model", "model_options" (a JSON object of the keys that are not as a recipe that
/// says nothing has them), "image" ("28,28,1"), "classes" (a JSON array), "fit" where it is known, "data", "ebb" (the
/// version), and those of to_metadata(PixelStatistics).
std::map<std::string, std::string> to_metadata(const ModelCard& card);

/// Reads what to_metadata() wrote. What older files lack stays empty.
/// \param where the file's name for messages. \param extensions of the program.
/// \throws Error when an entry is not as it is written, and for keys and names that the program does not know.
ModelCard card_from(const std::map<std::string, std::string>& metadata, const std::string& where,
                    const std::shared_ptr<const Extensions>& extensions = {});

/// An image's shape from "28x28x1": height, width, channels.
/// \throws Error naming `where` unless sides are 1 to 4096 and channels 1 or 3.
Shape image_shape(std::string_view text, const std::string& where);

}  // namespace ebb
