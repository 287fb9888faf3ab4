#include "lab/setup/picture_data.h"

#include <filesystem>
#include <utility>

#include "data/packed_set.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"

namespace ebb {
namespace {

PictureData data_of(const PictureSet& set, PictureFacts facts) {
  facts.note += lacking_note(set);
  const PixelStatistics statistics = picture_statistics(set);
  facts.size = {set.train.pixels.dim(1), set.train.pixels.dim(2)};
  facts.fit = set.fit;
  return {to_dataset(set, Split::train, statistics), to_dataset(set, Split::test, statistics), std::move(facts)};
}

std::string pack_command(const char* option, const std::string& value) {
  return text("`ebb data pack FOLDER ", option, ' ', value, " --out NEW.safetensors`");
}

PictureData read_folder(const Recipe& recipe, const PictureProgress& progress) {
  if (recipe.data_dir.empty())
    fail("data_dir", "no directory beside data = \"folder\"", "the folder with a directory for each class",
         "name it: --data DIR");
  const PictureFolder folder = find_pictures(recipe.data_dir);
  if (folder.has_test && recipe.pictures.test)
    fail("test", text("test = ", *recipe.pictures.test, " beside a folder with a test set"), "a folder without one",
         "leave it out: the folder's own test set is taken");
  PictureSetOptions options{.size = recipe.pictures.image_size,
                            .fit = recipe.pictures.fit.value_or(Fit::crop),
                            .grey = recipe.pictures.grey,
                            .seed = recipe.seed,
                            .skip_broken = recipe.pictures.skip_broken,
                            .progress = progress};
  if (recipe.pictures.test) options.test = *recipe.pictures.test;
  ReadPictures read = read_pictures(folder, options);
  PictureFacts facts;
  if (!recipe.pictures.image_size)
    facts.note += text("their median size; image_size = \"",
                       to_text({read.set.train.pixels.dim(1), read.set.train.pixels.dim(2)}), "\" keeps it\n");
  if (!folder.has_test)
    facts.note +=
        text("no test set: a share of ", options.test, " by their pixels and seed ", options.seed, " is held out\n");
  if (!folder.others.empty())
    facts.note += text("passed over, no pictures of a class:", listed_offenders(folder.others));
  if (!read.skipped.empty()) facts.note += text(read.skipped.size(), " pictures that cannot be read are left out\n");
  facts.skipped = std::move(read.skipped);
  return data_of(read.set, std::move(facts));
}

}  // namespace

bool is_picture_data(const Recipe& recipe) {
  return recipe.data == folder_name || recipe.data.ends_with(packed_set_ending);
}

std::string size_remedy(const Recipe& recipe, const PictureSize& size) {
  return recipe.data == folder_name ? text("choose it: --set image_size=", to_text(size))
                                    : text("pack its pictures anew: ", pack_command("--size", to_text(size)));
}

PictureData read_picture_data(const Recipe& recipe, const PictureProgress& progress) {
  if (recipe.data == folder_name) return read_folder(recipe, progress);
  const std::filesystem::path file = std::filesystem::path(recipe.data_dir) / recipe.data;
  const PictureSet set = load_packed_set(file);
  require_training_pictures(set, file.string(), "pack a folder with pictures of all classes");
  const PictureSize size{set.train.pixels.dim(1), set.train.pixels.dim(2)};
  const auto packed = [&](const char* key, const char* option, const std::string& asked, const std::string& is) {
    fail(key, text(key, " = \"", asked, "\" for a packed set with \"", is, '"'), "as it was packed",
         text("pack its pictures anew: ", pack_command(option, asked), "; or, in a new training, leave it out: ", key,
              " = \"default\""));
  };
  if (recipe.pictures.image_size.value_or(size) != size)
    packed("image_size", "--size", to_text(*recipe.pictures.image_size), to_text(size));
  if (recipe.pictures.fit.value_or(set.fit) != set.fit)
    packed("fit", "--fit", fit_name(*recipe.pictures.fit), fit_name(set.fit));
  return data_of(set, {});
}

std::string lacking_note(const PictureSet& set) {
  const std::vector<std::string> lacking = lacking_classes(set.classes, set.test);
  return lacking.empty() ? "" : text("classes without a test picture, not evaluated:", listed_offenders(lacking));
}

std::string skipped_list(const std::vector<SkippedPicture>& skipped) {
  std::string out;
  for (const SkippedPicture& one : skipped) out += printable_line(one.reason) + '\n';
  return out;
}

}  // namespace ebb
