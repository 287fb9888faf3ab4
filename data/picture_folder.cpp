#include "data/picture_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_listed = 20;

// ASCII letters only: names are bytes.
std::string lower(std::string name) {
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return name;
}

bool passed_over(const std::string& name) {
  return name.starts_with('.') || name == "__MACOSX" || lower(name) == "thumbs.db" || lower(name) == "desktop.ini";
}

bool named_as_picture(const std::string& name) {
  const std::string end = lower(name.substr(std::min(name.rfind('.'), name.size())));
  return end == ".png" || end == ".jpg" || end == ".jpeg";
}

// Words for splits beside those that are read: folders of nothing else have no classes.
bool sounds_like_a_split(const std::string& name) {
  static const std::set<std::string> words{"train", "training",   "test", "testing", "val",       "valid",
                                           "dev",   "validation", "eval", "holdout", "unlabeled", "unlabelled"};
  return words.contains(lower(name));
}

bool is_split(const std::string& name) {
  const std::string small = lower(name);
  return small == "train" || small == "test" || small == "val" || small == "valid";
}

// Which directory it is, by whatever path.
using Identity = std::pair<dev_t, ino_t>;

std::optional<Identity> directory_at(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return std::nullopt;
  return Identity{status.st_dev, status.st_ino};
}

// Reads directories of one folder within the limits.
class Reader {
 public:
  Reader(const fs::path& root, const FolderLimits& limits) : root_(root), limits_(limits) {}

  struct Entries {
    std::vector<std::string> directories, files;  // sorted; what is passed over left out
  };

  Entries entries(const std::string& below) {
    Entries out;
    std::error_code error;
    for (fs::directory_iterator at(root_ / below, error), end; !error && at != end; at.increment(error)) {
      if (++seen_ > limits_.files)
        fail(root_.string(), text("more than ", limits_.files, " files"), "at most so many", "pack it in parts");
      const std::string name = at->path().filename().string();
      if (!passed_over(name)) (directory_at(at->path()) ? out.directories : out.files).push_back(name);
    }
    if (error) fail((root_ / below).string(), error.message(), "a directory that can be read");
    std::ranges::sort(out.directories);
    std::ranges::sort(out.files);
    return out;
  }

  // All pictures of a class by their path below it.
  std::vector<std::string> pictures(const std::string& below) {
    std::vector<std::string> out;
    std::set<Identity> read;  // a link back to what the class lies in ends here as well
    for (const fs::path& above : {root_, (root_ / below).parent_path()})
      if (const auto identity = directory_at(above)) read.insert(*identity);
    collect(below, {}, 0, read, out);
    std::ranges::sort(out);
    return out;
  }

  void note_other(const std::string& name) { others_.push_back(name); }
  std::vector<std::string> take_others() { return std::move(others_); }

 private:
  void collect(const std::string& base, const std::string& inner, int depth, std::set<Identity>& read,
               std::vector<std::string>& out) {
    const std::string place = inner.empty() ? base : base + '/' + inner;
    if (depth > limits_.depth)
      fail((root_ / place).string(), text("more than ", limits_.depth, " directories inside of each other"),
           "at most so many");
    if (const auto identity = directory_at(root_ / place); identity && !read.insert(*identity).second) return;
    const Entries here = entries(place);
    for (const std::string& name : here.files) {
      const std::string path = inner.empty() ? name : inner + '/' + name;
      if (named_as_picture(name)) out.push_back(path);
      else note_other(base + '/' + path);
    }
    for (const std::string& name : here.directories)
      collect(base, inner.empty() ? name : inner + '/' + name, depth + 1, read, out);
  }

  const fs::path& root_;
  const FolderLimits& limits_;
  std::int64_t seen_ = 0;
  std::vector<std::string> others_;
};

// The classes of one split: names with the paths of their pictures.
using Classes = std::map<std::string, std::vector<std::string>>;

std::string joined(const std::string& below, const std::string& name) {
  return below.empty() ? name : below + '/' + name;
}

Classes classes_of(Reader& reader, const std::string& below, const Reader::Entries& entries) {
  for (const std::string& name : entries.files) reader.note_other(joined(below, name));
  Classes out;
  for (const std::string& name : entries.directories) out[name] = reader.pictures(joined(below, name));
  return out;
}

void refuse(const fs::path& root, const std::vector<std::string>& offenders, const char* what, const char* wanted,
            const char* remedy = "") {
  if (!offenders.empty()) fail(root.string(), text(what, listed_offenders(offenders)), wanted, remedy);
}

void require_names(const fs::path& root, const Classes& train, const Classes& test) {
  std::map<std::string, std::set<std::string>> by_small;
  std::vector<std::string> no_lines, same, lacking;
  for (const Classes* const split : {&train, &test})
    for (const auto& [name, pictures] : *split) {
      by_small[lower(name)].insert(name);
      if (!is_line(name)) no_lines.push_back(name);
      if (split == &test && !train.contains(name)) lacking.push_back(name);
    }
  for (const auto& [small, names] : by_small)
    if (names.size() > 1) same.insert(same.end(), names.begin(), names.end());
  refuse(root, no_lines, "classes with names that are no line of UTF-8", "names that can be printed", "rename them");
  refuse(root, same, "classes whose names are equal but for case", "names that differ on every system", "rename them");
  refuse(root, lacking, "classes in the test set that the training set lacks", "the same classes in both");
}

void require_pictures(const fs::path& root, const Classes& train, const Classes& test, const std::string& train_at,
                      const std::string& test_at) {
  std::vector<std::string> empty;
  std::size_t pictures = 0;
  const auto count = [&](const Classes& split, const std::string& at) {
    for (const auto& [name, paths] : split) {
      pictures += paths.size();
      if (paths.empty()) empty.push_back(joined(at, name));
    }
  };
  count(train, train_at);
  count(test, test_at);
  const char* const layout = "CLASS/*.png, or train/CLASS/*.png and test/CLASS/*.png (.jpg, .jpeg)";
  if (pictures == 0) fail(root.string(), "no picture in a directory of a class", layout);
  if (!test_at.empty() && test.empty())
    fail((root / test_at).string(), "a test set without a directory of a class", layout,
         "put pictures there, or remove it: a share of the others is then the test set");
  refuse(root, empty, "classes without pictures", "at least one picture in each", "remove them, or add pictures");
  if (train.size() == 1)
    fail(root.string(), text("one class only, ", in_quotes(train.begin()->first)), "at least two", layout);
}

std::vector<FolderPicture> in_order(const Classes& split, const std::string& at,
                                    const std::vector<std::string>& classes) {
  struct Sortable {
    const std::string* path;
    std::int64_t label;
  };
  std::vector<Sortable> all;
  for (const auto& [name, paths] : split) {
    const std::int64_t label = std::ranges::lower_bound(classes, name) - classes.begin();
    for (const std::string& path : paths) all.push_back({&path, label});
  }
  std::ranges::sort(all, [](const Sortable& a, const Sortable& b) {
    return std::tie(*a.path, a.label) < std::tie(*b.path, b.label);
  });
  std::vector<FolderPicture> out;
  out.reserve(all.size());
  for (const Sortable& each : all) {
    const std::string& name = classes[static_cast<std::size_t>(each.label)];
    out.push_back({joined(joined(at, name), *each.path), each.label});
  }
  return out;
}

// The names of the directories of both splits; empty: the folder is not split, or has no test set.
struct Splits {
  std::string train, test;
};

Splits splits_of(const fs::path& root, const Reader::Entries& top, Reader& reader) {
  std::map<std::string, std::string> found;  // small name to name
  std::vector<std::string> beside;
  for (const std::string& name : top.directories)
    if (!is_split(name)) beside.push_back(name);
    else if (!found.emplace(lower(name), name).second)
      fail(root.string(), text("the directories ", found[lower(name)], " and ", name), "one of them", "rename one");
  if (!found.contains("train") || (found.size() == 1 && !beside.empty())) {
    if (std::ranges::all_of(top.directories, sounds_like_a_split))
      refuse(root, top.directories, "directories that sound like splits of a set, not like classes",
             "train/ with test/, val/ or valid/, or a directory for each class", "rename them");
    return {};
  }
  refuse(root, beside, "directories beside a training and a test set", "classes in train/ and test/",
         "move them away, or into train/");
  Splits out{.train = found["train"], .test = {}};
  for (const char* const name : {"test", "val", "valid"})
    if (const auto at = found.find(name); at != found.end()) {
      if (out.test.empty()) out.test = at->second;
      else reader.note_other(at->second + '/');
    }
  return out;
}

}  // namespace

std::string listed_offenders(const std::vector<std::string>& offenders) {
  std::string out;
  for (std::size_t i = 0; i < std::min(most_listed, offenders.size()); ++i)
    out += text("\n  ", printable_line(offenders[i]));
  if (offenders.size() > most_listed) out += text("\n  and ", offenders.size() - most_listed, " more");
  return out + (out.empty() ? "" : "\n");
}

PictureFolder find_pictures(const fs::path& root, const FolderLimits& limits) {
  if (!directory_at(root)) fail(root.string(), "no such directory", "a folder with a directory for each class");
  Reader reader(root, limits);
  Reader::Entries top = reader.entries({});
  const Splits splits = splits_of(root, top, reader);
  PictureFolder out{
      .root = root, .classes = {}, .train = {}, .test = {}, .has_test = !splits.test.empty(), .others = {}};
  if (!splits.train.empty()) {
    for (const std::string& name : top.files) reader.note_other(name);
    top = reader.entries(splits.train);
  }
  const Classes train = classes_of(reader, splits.train, top);
  const Classes test = out.has_test ? classes_of(reader, splits.test, reader.entries(splits.test)) : Classes{};
  if (static_cast<std::int64_t>(train.size()) > limits.classes)
    fail(root.string(), text(train.size(), " classes"), text("at most ", limits.classes));
  require_names(root, train, test);
  require_pictures(root, train, test, splits.train, splits.test);
  for (const auto& [name, pictures] : train) out.classes.push_back(name);
  out.train = in_order(train, splits.train, out.classes);
  out.test = in_order(test, splits.test, out.classes);
  out.others = reader.take_others();
  std::ranges::sort(out.others);
  return out;
}

}  // namespace ebb
