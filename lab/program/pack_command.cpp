#include "lab/program/pack_command.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <string_view>

#include "data/packed_set.h"
#include "framework/io/atomic_file.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/format/numbers.h"
#include "lab/format/png.h"
#include "lab/format/shell_word.h"
#include "lab/program/destination.h"
#include "lab/program/program_name.h"
#include "lab/program/progress.h"
#include "lab/program/published_data.h"
#include "lab/setup/picture_data.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

void require_places(const DataPackCommand& command) {
  if (!command.out.ends_with(packed_set_ending))
    fail("--out", in_quotes(command.out), text("a name that ends in ", packed_set_ending),
         "recipes know packed sets by it");
  require_destination(command.out, {.overwrite = command.overwrite});
}

void require_no_picture(const std::string& out, const PictureFolder& folder) {
  std::error_code error;
  if (!fs::exists(out, error)) return;
  for (const auto* const split : {&folder.train, &folder.test})
    for (const FolderPicture& one : *split)
      if (fs::equivalent(out, folder.root / one.name, error) && !error)
        fail(out, text("the picture ", one.name), "another file", "choose another name");
}

void require_empty(const fs::path& directory) {
  const char* const remedy = "choose another with --to";
  require_place(directory, remedy);
  std::error_code error;
  if (fs::exists(directory, error) && !fs::is_empty(directory, error) && !error)
    fail(directory.string(), "a directory with files in it", "an empty one, or one that is to be made", remedy);
  if (error) fail(directory.string(), error.message(), "a directory that can be read", remedy);
}

std::string numbered(std::int64_t number, std::int64_t count) {
  const std::string digits = text(number), most = text(count - 1);
  return std::string(most.size() - digits.size(), '0') + digits;
}

// The PNG of one image of a data set.
std::vector<std::byte> picture(const ImageDataset& set, std::int64_t image) {
  const Shape shape = set.sample_shape();
  const auto length = static_cast<std::size_t>(shape.size());
  return png(
      Tensor::from(set.pixels().span<std::uint8_t>().subspan(static_cast<std::size_t>(image) * length, length), shape));
}

void unpack_split(const ImageDataset& set, const fs::path& root, const std::vector<std::string>& names, Split split) {
  const fs::path below = root / name(split);
  std::vector<Directory> directories;
  for (const std::string& each : names) {
    make_directories(below / each);
    directories.emplace_back(below / each);
  }
  Progress progress(name(split), set.size(), "images");
  constexpr std::int64_t round = 1000;
  for (std::int64_t first = 0; first < set.size(); first += round) {
    const std::int64_t count = std::min(round, set.size() - first);
    parallel::for_blocks(count, 10, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = first + begin; i < first + end; ++i) {
        const std::vector<std::byte> bytes = picture(set, i);
        write_file(directories[static_cast<std::size_t>(set.label(i))], numbered(i, set.size()) + ".png",
                   std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), Sync::no);
      }
    });
    progress.update(first + count, {});
  }
}

}  // namespace

std::vector<std::string> directory_names(const std::vector<std::string>& classes) {
  std::vector<std::string> out = classes;
  for (std::string& each : out) std::ranges::replace(each, '/', '-');
  const bool plain = out == classes && std::ranges::is_sorted(out);
  const auto count = static_cast<std::int64_t>(out.size());
  for (std::int64_t i = 0; !plain && i < count; ++i) {
    std::string& each = out[static_cast<std::size_t>(i)];
    each = text(numbered(i, count), '-', each);
  }
  return out;
}

int run(const DataPackCommand& command, std::ostream& out) {
  require_places(command);
  const PictureFolder folder = find_pictures(command.folder);
  require_no_picture(command.out, folder);
  if (folder.has_test && command.test_given)
    fail("--test", "a share of the test set for a folder that has one", "a folder without", "leave it out");
  const auto begin = std::chrono::steady_clock::now();
  ReadPictures read;
  {
    Progress progress(
        "pack", static_cast<std::int64_t>(folder.train.size() + folder.test.size()) * (command.options.size ? 1 : 2),
        "pictures");
    PictureSetOptions options = command.options;
    options.progress = [&](std::int64_t done, std::int64_t) { progress.update(done, {}); };
    read = read_pictures(folder, options);
  }
  for (const SkippedPicture& skipped : read.skipped)
    complain() << "left out: " << printable_line(skipped.reason) << '\n';
  if (!folder.others.empty()) complain() << "passed over, no pictures of a class:" << listed_offenders(folder.others);
  if (const std::string note = lacking_note(read.set); !note.empty()) complain() << note;
  save_packed_set(command.out, read.set, command.overwrite ? Existing::replace : Existing::refuse);
  const Shape image = read.set.train.pixels.shape().without(0);
  out << printable_line(command.out) << ": " << grouped(read.set.train.labels.size()) << " training and "
      << grouped(read.set.test.labels.size()) << " test pictures of " << text(image) << " in "
      << read.set.classes.size() << " classes";
  if (!command.options.size) out << ", the median size";
  if (!folder.has_test) out << ", test set by their pixels and seed " << command.options.seed;
  if (!read.skipped.empty()) out << ", " << read.skipped.size() << " left out";
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  out << ", " << clock_text(seconds.count()) << "\ntrain with: " << shell_word(program_name()) << " train folder --set "
      << shell_word("data=" + command.out) << " --set image_size=" << to_text({image[0], image[1]}) << '\n';
  return 0;
}

int run(const DataUnpackCommand& command, std::ostream& out) {
  const PublishedSet& set = published_set(command.set);
  require_empty(command.to);
  const ImageDataset train = load(set, command.directory, Split::train);
  const ImageDataset test = load(set, command.directory, Split::test);
  std::vector<std::string> classes;
  for (std::int64_t label = 0; label < train.classes(); ++label) classes.push_back(train.class_name(label));
  const std::vector<std::string> names = directory_names(classes);
  unpack_split(train, command.to, names, Split::train);
  unpack_split(test, command.to, names, Split::test);
  out << printable_line(command.to) << ": " << grouped(train.size()) << " training and " << grouped(test.size())
      << " test images in " << names.size() << " classes\ntrain with: " << shell_word(program_name())
      << " train folder --data " << shell_word(command.to) << " --set image_size=" << train.sample_shape()[0] << 'x'
      << train.sample_shape()[1] << '\n';
  return 0;
}

}  // namespace ebb
