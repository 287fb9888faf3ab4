#include "data/cifar.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "data/chunks.h"
#include "data/gzip.h"
#include "data/published.h"
#include "data/recognize.h"
#include "data/tar.h"
#include "framework/tensor/error.h"
#include "framework/tensor/memory_limits.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t side = 32;
constexpr std::size_t plane = side * side;
constexpr std::uint64_t most_records = 10'000'000;

// The label bytes of a record: what each is below, and the one to be taken.
struct Layout {
  std::vector<int> classes;
  std::size_t label;
  std::size_t record() const { return classes.size() + 3 * plane; }
};

Layout layout_of(CifarFormat format) {
  if (format == CifarFormat::cifar10) return {{10}, 0};
  return {{20, 100}, format == CifarFormat::cifar100_fine ? std::size_t{1} : 0};
}

// Records on their way into tensors, from pieces that end anywhere.
class Decoder {
 public:
  Decoder(Layout layout, CifarRecords& out)
      : layout_(std::move(layout)),
        pixels_(out.pixels.mutable_data<std::uint8_t>()),
        labels_(out.labels.mutable_data<std::uint8_t>()) {}

  void take(std::span<const std::byte> piece, const std::string& name) {
    while (!piece.empty()) {
      const std::size_t count = std::min(piece.size(), layout_.record() - filled_);
      std::memcpy(record_.data() + filled_, piece.data(), count);
      piece = piece.subspan(count);
      filled_ += count;
      if (filled_ == layout_.record()) decode(name);
    }
  }

 private:
  void decode(const std::string& name) {
    for (std::size_t i = 0; i < layout_.classes.size(); ++i)
      if (record_[i] >= layout_.classes[i])
        fail(name, text("label ", int{record_[i]}, " of record ", number_), text("a label below ", layout_.classes[i]),
             "the file is damaged or of another set");
    *labels_++ = record_[layout_.label];
    const std::uint8_t* const red = record_.data() + layout_.classes.size();
    for (std::size_t i = 0; i < plane; ++i, pixels_ += 3) {
      pixels_[0] = red[i];
      pixels_[1] = red[plane + i];
      pixels_[2] = red[2 * plane + i];
    }
    filled_ = 0;
    ++number_;
  }

  Layout layout_;
  std::array<std::uint8_t, 2 + 3 * plane> record_{};
  std::size_t filled_ = 0;
  std::uint64_t number_ = 0;
  std::uint8_t* pixels_;
  std::uint8_t* labels_;
};

// `wanted` records, any number when it is 0.
std::uint64_t records_in(const std::string& name, std::uint64_t size, const Layout& layout, std::uint64_t wanted) {
  const std::uint64_t records = size / layout.record();
  if (size == 0 || size % layout.record() != 0 || records > most_records)
    fail(name, text(size, " bytes"),
         text("a multiple of the ", layout.record(), " bytes of a record, up to ", most_records, " of them"),
         "copy or download it again");
  if (wanted != 0 && records != wanted)
    fail(name, text(records, " images"), text(wanted), "it is no complete file of the set; download it again");
  return records;
}

// One file's bytes; decoded when all files are there.
struct Part {
  std::string name;
  std::uint64_t records = 0;
  Chunks bytes;
  Fingerprint fingerprint;  // once they are decoded
};

Part read_part(ByteSource& source, std::uint64_t size, const Layout& layout, std::uint64_t wanted) {
  Part part{source.name(), records_in(source.name(), size, layout, wanted), {}, {}};
  require_available(source.name(), text(part.records, " records, in pieces and as images,"),
                    2 * static_cast<std::int64_t>(size));
  part.bytes.read(source, size, "its records");
  source.expect_end();
  return part;
}

CifarRecords decode(std::vector<Part>& parts, const Layout& layout) {
  std::uint64_t records = 0;
  for (const Part& part : parts) records += part.records;
  const auto n = static_cast<std::int64_t>(records);
  require_available(parts.front().name, text(n, " images"), n * 3 * side * side);
  CifarRecords out{Tensor({n, side, side, 3}, DType::u8), Tensor({n}, DType::u8)};
  Decoder decoder(layout, out);
  for (Part& part : parts)
    part.bytes.consume([&](std::span<const std::byte> piece) {
      part.fingerprint.add(piece);
      decoder.take(piece, part.name);
    });
  return out;
}

const PublishedSet& set_of(CifarFormat format) {
  return published_set(format == CifarFormat::cifar10 ? "cifar-10" : "cifar-100");
}

// The names of one split's files, and the records in each of them (0: any number).
struct Files {
  std::vector<std::string> names;
  std::vector<std::uint64_t> records;
};

Files files_of(CifarFormat format, Split split, bool any_count) {
  Files files;
  for (const PublishedContent& content : set_of(format).contents) {
    if (content.split != split) continue;
    files.names.push_back(content.name);
    files.records.push_back(any_count ? 0 : content.bytes / layout_of(format).record());
  }
  return files;
}

// The files of one split in their order.
std::vector<Part> archive_parts(ByteSource& archive, Split split, CifarFormat format, bool any_count) {
  const Files files = files_of(format, split, any_count);
  const Layout layout = layout_of(format);
  GzipSource inflated(archive);
  TarReader tar(inflated);
  std::vector<Part> parts(files.names.size());
  while (tar.next()) {
    const auto found = std::ranges::find(files.names, fs::path(tar.path()).filename().string());
    if (found == files.names.end()) continue;
    const auto at = static_cast<std::size_t>(found - files.names.begin());
    if (!parts[at].name.empty()) fail(archive.name(), text("two files ", *found), "one");
    parts[at] = read_part(tar.contents(), tar.size(), layout, files.records[at]);
  }
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (parts[i].name.empty())
      fail(archive.name(), text("no file ", files.names[i], " in the archive"), "the complete archive",
           "download it again");
  return parts;
}

ImageDataset load(const fs::path& directory, Split split, CifarFormat format, std::vector<std::string> class_names,
                  PixelStatistics published, const CifarOptions& options) {
  const PublishedSet& set = set_of(format);
  const std::vector<fs::path> found = find_published(set, directory, split);
  const Layout layout = layout_of(format);
  std::vector<Part> parts;
  if (found.front().filename() == set.archive) {
    FileSource archive(found.front());
    parts = archive_parts(archive, split, format, options.any_count);
  } else {
    const Files files = files_of(format, split, options.any_count);
    for (std::size_t i = 0; i < found.size(); ++i) {
      FileSource source(found[i]);
      parts.push_back(read_part(source, source.size(), layout, files.records[i]));
    }
  }
  const CifarRecords records = decode(parts, layout);
  std::vector<ReadFile> files;
  for (const Part& part : parts) files.push_back({part.name, part.fingerprint});
  ImageDataset out(records.pixels, records.labels, std::move(class_names), options.statistics.value_or(published));
  out.set_remark(recognize(set, split, files));
  return out;
}

const char* const cifar10_classes = "airplane automobile bird cat deer dog frog horse ship truck";

const char* const coarse_classes =
    "aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices "
    "household_furniture insects large_carnivores large_man-made_outdoor_things large_natural_outdoor_scenes "
    "large_omnivores_and_herbivores medium_mammals non-insect_invertebrates people reptiles small_mammals trees "
    "vehicles_1 vehicles_2";

const char* const fine_classes =
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle "
    "caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant "
    "flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man "
    "maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree "
    "plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper "
    "snail "
    "snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout "
    "tulip turtle wardrobe whale willow_tree wolf woman worm";

std::vector<std::string> words(std::string_view list) {
  std::vector<std::string> out;
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(' '), list.size());
    out.emplace_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return out;
}

}  // namespace

CifarRecords read_cifar(ByteSource& source, std::uint64_t size, CifarFormat format) {
  const Layout layout = layout_of(format);
  std::vector<Part> parts;
  parts.push_back(read_part(source, size, layout, 0));
  return decode(parts, layout);
}

CifarRecords read_cifar_archive(ByteSource& archive, Split split, CifarFormat format, bool any_count) {
  std::vector<Part> parts = archive_parts(archive, split, format, any_count);
  return decode(parts, layout_of(format));
}

Cifar10::Cifar10(const fs::path& directory, Split split, const CifarOptions& options)
    : ImageDataset(load(directory, split, CifarFormat::cifar10, words(cifar10_classes),
                        {{0.4914, 0.4822, 0.4465}, {0.2470, 0.2435, 0.2616}}, options)) {}

Cifar100::Cifar100(const fs::path& directory, Split split, CifarLabels labels, const CifarOptions& options)
    : ImageDataset(load(directory, split,
                        labels == CifarLabels::fine ? CifarFormat::cifar100_fine : CifarFormat::cifar100_coarse,
                        words(labels == CifarLabels::fine ? fine_classes : coarse_classes),
                        {{0.5071, 0.4865, 0.4409}, {0.2673, 0.2564, 0.2762}}, options)) {}

}  // namespace ebb
