#include "data/published.h"

#include <algorithm>
#include <array>

#include "data/find_data.h"
#include "data/gzip.h"
#include "data/md5.h"
#include "data/tar.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "framework/tensor/suggest.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

std::string by_hand(const char* set, const char* files, const char* site) {
  return text("run `ebb data fetch ", set, "`, or put ", files, " from ", site,
              " into a directory and name it: --data DIR or EBB_DATA");
}

const char* const four_files = "the four files {train,t10k}-{images-idx3,labels-idx1}-ubyte.gz";

// Sources of the checksums: MNIST and CIFAR-10, files rebuilt to the archives' published checksums; Fashion-MNIST,
// Debian's package dataset-fashion-mnist, unpacked; CIFAR-100, as other projects' download scripts list them. The last
// column was computed from files with these MD5.
const std::vector<PublishedSet>& sets() {
  static const std::vector<PublishedSet> all{
      {.name = "mnist",
       .contents = {{"train-images-idx3-ubyte", Split::train, 47'040'016, "6bbc9ace898e44ae57da46a324031adb",
                     0x434C0341},
                    {"train-labels-idx1-ubyte", Split::train, 60'008, "a25bea736e30d166cdddb491f175f624", 0xE0CB4AD2},
                    {"t10k-images-idx3-ubyte", Split::test, 7'840'016, "2646ac647ad5339dbf082846283269ea", 0xF749C7C6},
                    {"t10k-labels-idx1-ubyte", Split::test, 10'008, "27ae3e4e09519cfbb04c329615203637", 0x4AB9EFF9}},
       .sources = {"https://ossci-datasets.s3.amazonaws.com/mnist",
                   "https://storage.googleapis.com/cvdf-datasets/mnist"},
       .remedy = by_hand("mnist", four_files,
                         "https://ossci-datasets.s3.amazonaws.com/mnist/ (published at yann.lecun.com/exdb/mnist)")},
      {.name = "fashion-mnist",
       .contents = {{"train-images-idx3-ubyte", Split::train, 47'040'016, "f4a8712d7a061bf5bd6d2ca38dc4d50a",
                     0xE24D8AFE},
                    {"train-labels-idx1-ubyte", Split::train, 60'008, "9018921c3c673c538a1fc5bad174d6f9", 0x741A4657},
                    {"t10k-images-idx3-ubyte", Split::test, 7'840'016, "8181f5470baa50b63fa0f6fddb340f0a", 0xA58BEC6A},
                    {"t10k-labels-idx1-ubyte", Split::test, 10'008, "15d484375f8d13e6eb1aabb0c3f46965", 0x80142C1F}},
       .sources = {"https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion"},
       .system_directories = {"/usr/share/datasets/fashion-mnist"},
       .remedy = text("install the package (apt install dataset-fashion-mnist), or ",
                      by_hand("fashion-mnist", four_files, "https://github.com/zalandoresearch/fashion-mnist"))},
      {.name = "cifar-10",
       .contents = {{"data_batch_1.bin", Split::train, 30'730'000, "5dd7e06a14cb22eb9f671a540d1b7c25", 0x8792300F},
                    {"data_batch_2.bin", Split::train, 30'730'000, "5ea93a67294ea407fff1d09f752e9692", 0x51D0C87E},
                    {"data_batch_3.bin", Split::train, 30'730'000, "942cd6a4bcdd0dd3c604fbe906cb4421", 0xD2E16FE0},
                    {"data_batch_4.bin", Split::train, 30'730'000, "ae636b3ba5c66a11e91e8cb52e771fcb", 0x28F837E6},
                    {"data_batch_5.bin", Split::train, 30'730'000, "53f37980c15c3d472c316c40844f3f0d", 0x009515E9},
                    {"test_batch.bin", Split::test, 30'730'000, "803d5f7f4d78ea53de84dbe85f74fb6d", 0x3AF7561A}},
       .archive = "cifar-10-binary.tar.gz",
       .folder = "cifar-10-batches-bin",
       .sources = {"https://www.cs.toronto.edu/~kriz"},
       .remedy = by_hand("cifar-10", "cifar-10-binary.tar.gz", "https://www.cs.toronto.edu/~kriz/cifar.html")},
      {.name = "cifar-100",
       .contents = {{"train.bin", Split::train, 153'700'000, "6172c7755cfe09b2fe270c85cebc1b15"},
                    {"test.bin", Split::test, 30'740'000, "4499cfba6c016c1be1438163640a0898"}},
       .archive = "cifar-100-binary.tar.gz",
       .folder = "cifar-100-binary",
       .sources = {"https://www.cs.toronto.edu/~kriz"},
       .remedy = by_hand("cifar-100", "cifar-100-binary.tar.gz", "https://www.cs.toronto.edu/~kriz/cifar.html")},
      {.name = "optdigits",
       .contents = {{"optdigits.tra", Split::train, 563'639, "268ce7771f3f15afbc54402478b1d454", 0x6D120BF9},
                    {"optdigits.tes", Split::test, 264'712, "a0339c30a8a5312a1b6f9e5c719dcce5", 0xB920B125}},
       .remedy = "put optdigits.tra and optdigits.tes (published at https://archive.ics.uci.edu/dataset/80) into a "
                 "directory and name it: --data DIR or EBB_DATA"},
  };
  return all;
}

// IDX files as some archives unpack, train-images.idx3-ubyte; other names as they are.
std::string dotted(std::string name) {
  if (const std::size_t at = name.rfind("-idx"); at != std::string::npos) name[at] = '.';
  return name;
}

// The names that a content may have in a directory.
std::vector<std::string> names_of(const PublishedSet& set, const PublishedContent& content) {
  const std::string& name = content.name;
  if (!set.folder.empty()) return {name, text(set.folder, "/", name)};
  if (dotted(name) != name) return {text(name, ".gz"), name, dotted(name)};
  return {name};
}

std::string problem_of(ByteSource& source, const PublishedContent& content) {
  Md5 md5;
  std::uint64_t bytes = 0;
  std::vector<std::byte> buffer(std::size_t{1} << 16);
  for (std::size_t count; (count = source.read(buffer)) > 0; bytes += count) md5.add(std::span(buffer).first(count));
  if (bytes != content.bytes) return text(bytes, " bytes instead of ", content.bytes);
  const std::string hex = md5.hex();
  return hex == content.md5 ? std::string() : text("MD5 ", hex, " instead of ", content.md5);
}

bool in_gzip(const fs::path& file) {
  std::array<std::byte, 2> first{};
  FileSource source(file);
  return source.read(first) == 2 && first[0] == std::byte{0x1F} && first[1] == std::byte{0x8B};
}

// What is found in one file goes into `out`.
void check_file(const PublishedSet& set, const fs::path& file, std::vector<ContentCheck>& out) {
  FileSource source(file);
  const auto check = [&](std::string name, ByteSource& contents) {
    if (name.ends_with(".gz")) name.resize(name.size() - 3);
    for (const PublishedContent& content : set.contents)
      if (name == content.name || name == dotted(content.name))
        return out.push_back({content.name, problem_of(contents, content)});
  };
  if (!in_gzip(file)) return check(file.filename().string(), source);
  GzipSource inflated(source);
  if (set.archive.empty()) return check(file.filename().string(), inflated);
  TarReader tar(inflated);
  while (tar.next()) check(fs::path(tar.path()).filename().string(), tar.contents());
  for (const PublishedContent& content : set.contents)
    if (std::ranges::find(out, content.name, &ContentCheck::name) == out.end())
      out.push_back({content.name, "not in the archive"});
}

}  // namespace

std::vector<std::string> PublishedSet::downloads() const {
  if (!archive.empty()) return {archive};
  std::vector<std::string> out;
  for (const PublishedContent& content : contents) out.push_back(text(content.name, ".gz"));
  return out;
}

const PublishedSet& published_set(std::string_view name) {
  for (const PublishedSet& set : sets())
    if (same_name(name, {set.name})) return set;
  fail("data", text("the name ", in_quotes(name)), "the name of a data set", suggestion(name, published_names()));
}

std::vector<std::string> published_names() {
  std::vector<std::string> out;
  for (const PublishedSet& set : sets()) out.push_back(set.name);
  return out;
}

std::vector<fs::path> find_published(const PublishedSet& set, const fs::path& directory, Split split) {
  DataSearch search{
      .set = set.name, .directory = directory, .system_directories = set.system_directories, .remedy = set.remedy};
  if (!set.archive.empty()) search.archives.push_back(set.archive);
  for (const PublishedContent& content : set.contents)
    if (content.split == split) search.files.push_back(names_of(set, content));
  return find_data(search);
}

std::vector<ContentCheck> check_contents(const PublishedSet& set, std::span<const fs::path> files) {
  std::vector<ContentCheck> out;
  for (const fs::path& file : files) {
    try {
      check_file(set, file, out);
    } catch (const Error& error) {
      out.push_back({file.filename().string(), error.what()});
    }
  }
  return out;
}

}  // namespace ebb
