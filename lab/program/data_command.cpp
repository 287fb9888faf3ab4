#include "lab/program/data_command.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iomanip>
#include <memory>
#include <ostream>

#include "data/inspect.h"
#include "framework/io/atomic_file.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/format/numbers.h"
#include "lab/format/png.h"
#include "lab/format/shell_word.h"
#include "lab/program/contact_sheet.h"
#include "lab/program/destination.h"
#include "lab/program/fetch.h"
#include "lab/program/picture_commands.h"
#include "lab/program/progress.h"
#include "lab/program/published_data.h"
#include "lab/recipe/recipe.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

// "0.4914 0.4822 0.4465"
std::string four_digits(const std::vector<double>& values) {
  std::string out;
  for (const double value : values) out += text(out.empty() ? "" : " ", decimal(value, 4));
  return out;
}

void print_split(const ImageDataset& set, Split split, std::ostream& out) {
  const ImageSummary summary = summarize(set);
  out << '\n'
      << grouped(summary.images) << ' ' << name(split) << " images of " << text(set.sample_shape()) << "\n  mean "
      << four_digits(summary.statistics.mean) << "  deviation " << four_digits(summary.statistics.deviation) << '\n';
  const auto [least, most] = std::ranges::minmax(summary.class_counts);
  out << "  " << set.classes() << " classes of " << grouped(least);
  if (most != least) {
    out << " to " << grouped(most) << " images:";
    for (std::size_t label = 0; label < summary.class_counts.size(); ++label)
      out << (label % 5 == 0 ? "\n    " : "  ") << std::left << std::setw(14)
          << set.class_name(static_cast<std::int64_t>(label)) << std::right << std::setw(7)
          << grouped(summary.class_counts[label]);
  } else {
    out << " images each";
  }
  out << '\n';
}

// The number of equal images, and the first of them.
void print_equal(const std::vector<EqualImages>& pairs, const char* where, const char* first, const char* second,
                 std::ostream& out) {
  out << "  " << where << ": ";
  if (pairs.empty()) out << "none\n";
  else
    out << grouped(static_cast<std::int64_t>(pairs.size())) << ", the first: " << first << ' ' << pairs[0].first
        << " and " << second << ' ' << pairs[0].second << '\n';
}

// What trainings usually do with such images, to be looked at.
Augmentation usual_augmentation(const std::string& set) {
  if (set.starts_with("cifar")) return {.flip = Flip::random, .crop = 4, .cutout = 8};
  if (set == "fashion-mnist") return {.flip = Flip::random, .crop = 2, .border = Border::reflect};
  return {.border = Border::reflect, .translate = 1, .rotate = 10};
}

// What the settings ask for. Other keys of recipes say nothing about images.
Augmentation augmentation_from(const std::vector<std::string>& settings) {
  Recipe recipe;
  apply_settings(recipe, settings);
  for (const RecipeKey& key : recipe_keys())
    if (std::string_view(key.section) != "augmentation" && get(recipe, key.key) != get(Recipe{}, key.key))
      fail("--set", text('"', key.key, '"'), "a key of augmentation", "see `ebb train --help`");
  return recipe.augment;
}

}  // namespace

int run(const DataFetchCommand& command, std::ostream& out) {
  const PublishedSet& set = published_set(command.set);
  const char* const variable = std::getenv("EBB_DATA");
  fs::path root = command.to;
  if (root.empty()) root = variable != nullptr && *variable != '\0' ? variable : "data";
  fetch(set, {.directory = root / set.name, .source = command.source, .on_line = [&out](const std::string& line) {
                out << line << std::endl;
              }});
  out << set.name << " is in " << printable_line((root / set.name).string()) << ": train with --data "
      << shell_word(root.string()) << ", or set EBB_DATA=" << shell_word(fs::absolute(root).string()) << '\n';
  return 0;
}

int run(const DataVerifyCommand& command, std::ostream& out) {
  if (is_pictures(command.set)) return verify_pictures(command.set, out);
  const PublishedSet& set = published_set(command.set);
  std::vector<fs::path> files;
  for (const Split split : {Split::train, Split::test})
    for (const fs::path& file : find_published(set, command.directory, split))
      if (std::ranges::find(files, file) == files.end()) files.push_back(file);
  for (const fs::path& file : files) out << file.string() << '\n';
  const std::vector<ContentCheck> checks = check_contents(set, files);
  bool good = checks.size() == set.contents.size();
  for (const ContentCheck& check : checks) {
    out << "  " << std::left << std::setw(28) << check.name << std::right
        << (check.problem.empty() ? "as published" : check.problem) << '\n';
    good = good && check.problem.empty();
  }
  const ImageDataset train = load(set, command.directory, Split::train);
  const ImageDataset test = load(set, command.directory, Split::test);
  print_split(train, Split::train, out);
  print_split(test, Split::test, out);
  out << "\nequal images\n";
  print_equal(repeated_images(train), "within train", "train", "train", out);
  print_equal(repeated_images(test), "within test", "test", "test", out);
  print_equal(equal_images(train, test), "in train and test", "train", "test", out);
  out << (good ? "\nall files are as published\n" : "\nthe files are not as published\n");
  return good ? 0 : 1;
}

int run(const DataShowCommand& command, std::ostream& out) {
  const ContactSheetOptions options{.images = command.columns, .seed = command.seed};
  const bool pictures = is_pictures(command.set);
  const std::string name =
      pictures ? fs::weakly_canonical(command.set).stem().string() : published_set(command.set).name;
  const std::string file = command.file.empty() ? text(name.empty() ? "pictures" : name, ".png") : command.file;
  require_destination(file, {.inputs = {command.set},
                             .overwrite = !command.file.empty(),
                             .remedy = "name the picture: --out FILE, which is replaced"});
  const Augmentation augment =
      command.settings.empty() ? usual_augmentation(name) : augmentation_from(command.settings);
  const ImageDataset images =
      pictures ? some_pictures(command.set, command.test, options.classes, options.images, command.seed)
               : load(published_set(command.set), command.directory, command.test ? Split::test : Split::train);
  write_file(file, png(contact_sheet(images, augment, options)));
  out << printable_line(file) << ": a row for each class (";
  for (std::int64_t label = 0; label < std::min(images.classes(), options.classes); ++label)
    out << (label == 0 ? "" : ", ") << printable_line(images.class_name(label));
  out << "), each image plain and behind it as " << options.epochs << " epochs show it\n";
  return 0;
}

}  // namespace ebb
