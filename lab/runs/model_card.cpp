#include "lab/runs/model_card.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "data/picture.h"
#include "framework/io/json_nesting.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/runs/evaluation_record.h"
#include "lab/runs/version.h"

namespace ebb {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t most_classes = 65536, longest_name = 512;

// Whether a key of a recipe says how its model is built. Where weights began is of no use to who has them.
bool builds_model(const Recipe& recipe, const RecipeKey& key) {
  return recipe.own.contains(key.key) ||
         (std::string_view(key.section) == "model" && key.key != "init" && key.key != "init_except");
}

Json parsed(const std::string& entry, const std::string& key, const std::string& where) {
  require_json_nesting(entry, where);
  const Json out = Json::parse(entry, nullptr, false);
  if (out.is_discarded()) fail(where, text("the entry ", key, " = ", in_quotes(entry)), "JSON", "the file is damaged");
  return out;
}

void take_options(Recipe& model, const Json& options, const std::string& where) {
  const std::vector<RecipeKey> keys = recipe_keys(model);
  if (!options.is_object()) fail(where, "an entry model_options that is no object", "an object of keys and texts");
  for (const auto& [key, value] : options.items()) {
    const auto known = std::ranges::find(keys, key, &RecipeKey::key);
    if (!value.is_string() || known == keys.end() || !builds_model(model, *known))
      fail(where, text("the entry ", in_quotes(key), " of model_options"), "a key that builds a model, and a text",
           "it was made by another program, which can use it, or the file is damaged");
    set(model, key, value.get<std::string>(), where);
  }
}

std::vector<std::string> class_names_from(const Json& names, const std::string& where) {
  std::vector<std::string> out;
  if (!names.is_array() || names.empty() || names.size() > most_classes)
    fail(where, "an entry classes that is no list of names", text("1 to ", most_classes, " names"));
  for (const Json& name : names) {
    if (!name.is_string() || name.get_ref<const std::string&>().size() > longest_name)
      fail(where, "a name of a class that is no text, or a very long one", "names");
    out.push_back(name.get<std::string>());
  }
  return out;
}

}  // namespace

ModelCard model_card(const Recipe& recipe, const Dataset& data) {
  ModelCard out{.model = blank_recipe(recipe.extensions),
                .image = data.sample_shape(),
                .classes = class_names(data),
                .standardisation = data.standardisation(),
                .fit = recipe.pictures.fit,
                .data = recipe.data,
                .version = version()};
  for (const RecipeKey& key : recipe_keys(recipe))
    if (builds_model(recipe, key)) set(out.model, key.key, get(recipe, key.key));
  return out;
}

std::map<std::string, std::string> to_metadata(const ModelCard& card) {
  std::map<std::string, std::string> out{{"model", card.model.model}, {"data", card.data}, {"ebb", card.version}};
  Json options = Json::object();
  for (const RecipeKey& key : recipe_keys(card.model))
    if (const std::string value = get(card.model, key.key);
        builds_model(card.model, key) && key.key != "model" && value != key.initial)
      options[key.key] = value;
  out["model_options"] = options.dump();
  if (card.image) {
    std::string& image = out["image"];
    for (const std::int64_t dim : card.image->dims()) image += (image.empty() ? "" : ",") + text(dim);
  }
  if (!card.classes.empty()) out["classes"] = Json(card.classes).dump(-1, ' ', false, Json::error_handler_t::replace);
  if (card.fit) out["fit"] = fit_name(*card.fit);
  if (card.standardisation) out.merge(to_metadata(*card.standardisation));
  return out;
}

ModelCard card_from(const std::map<std::string, std::string>& metadata, const std::string& where,
                    const std::shared_ptr<const Extensions>& extensions) {
  const auto entry = [&](const char* key) {
    const auto at = metadata.find(key);
    return at == metadata.end() ? nullptr : &at->second;
  };
  ModelCard out{.model = blank_recipe(extensions)};
  if (const std::string* const model = entry("model")) set(out.model, "model", *model, where);
  if (const std::string* const options = entry("model_options"))
    take_options(out.model, parsed(*options, "model_options", where), where);
  if (const std::string* const image = entry("image")) {
    std::string dims = *image;
    std::ranges::replace(dims, ',', 'x');
    out.image = image_shape(dims, where);
  }
  if (const std::string* const names = entry("classes"))
    out.classes = class_names_from(parsed(*names, "classes", where), where);
  out.standardisation = statistics_from(metadata, where);
  if (const std::string* const fit = entry("fit")) out.fit = fit_from(*fit, text(where, ": fit"));
  if (const std::string* const data = entry("data")) out.data = *data;
  if (const std::string* const made_by = entry("ebb")) out.version = *made_by;
  return out;
}

Shape image_shape(std::string_view given, const std::string& where) {
  std::array<std::int64_t, 3> dims{};
  const char* at = given.data();
  const char* const end = at + given.size();
  bool whole = true;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (i > 0) whole = whole && at != end && (*at == 'x' || *at == 'X');
    if (i > 0 && whole) ++at;
    const auto read = std::from_chars(at, end, dims[i]);
    whole = whole && read.ec == std::errc();
    at = read.ptr;
  }
  const auto side = [](std::int64_t s) { return s >= 1 && s <= longest_picture_side; };
  if (!whole || at != end || !side(dims[0]) || !side(dims[1]) || (dims[2] != 1 && dims[2] != 3))
    fail(where, text("the image shape ", in_quotes(given)),
         text("height x width x channels, as 28x28x1: sides of 1 to ", longest_picture_side, ", 1 or 3 channels"));
  return {dims[0], dims[1], dims[2]};
}

}  // namespace ebb
