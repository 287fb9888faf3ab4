#include "data/packed_set.h"

#include <algorithm>
#include <set>
#include <utility>

#include "data/picture.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"

namespace ebb {
namespace {

constexpr const char* kind_key = "ebb.pictures";
constexpr const char* kind = "1";
constexpr std::size_t longest_class = 512, longest_name = 65'536;
constexpr std::int64_t most_classes = 10'000;
constexpr std::int64_t digits = 64;  // of a SHA-256

Tensor bytes_of(std::string_view all, const Shape& shape) {
  return Tensor::from(std::span(reinterpret_cast<const std::uint8_t*>(all.data()), all.size()), shape);
}

Tensor packed_names(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all.append(name) += '\0';
  return bytes_of(all, {static_cast<std::int64_t>(all.size())});
}

Tensor packed_sums(const std::vector<std::string>& sums) {
  std::string all;
  for (const std::string& sum : sums) all += sum;
  return bytes_of(all, {static_cast<std::int64_t>(sums.size()), digits});
}

// The tensors of one file, each asked for once.
class Tensors {
 public:
  Tensors(const TensorFile& file, const std::string& where) : file_(file), where_(where) {}

  [[noreturn]] void refuse(const std::string& name, const std::string& seen, const std::string& wanted) const {
    fail(where_, text(name, " with ", seen), wanted, "`ebb data pack` makes such files");
  }

  const Tensor& get(const std::string& name, int rank) {
    const auto at = file_.tensors.find(name);
    if (at == file_.tensors.end()) fail(where_, text("no tensor ", name), "one", "`ebb data pack` makes such files");
    ++taken_;
    const bool labels = name.ends_with("labels") && at->second.dtype() == DType::i32;
    if ((at->second.dtype() != DType::u8 && !labels) || at->second.rank() != rank)
      refuse(name, text(at->second.shape(), " of ", at->second.dtype()),
             text(rank, " dimensions of u8", name.ends_with("labels") ? " or i32" : ""));
    return at->second;
  }

  // Names with a zero byte behind each; they are counted before any is taken.
  // \param wanted how many there may be, in words.
  std::vector<std::string> names(const std::string& name, std::size_t longest, std::int64_t least, std::int64_t most,
                                 const std::string& wanted) {
    const auto all = get(name, 1).span<std::uint8_t>();
    if (!all.empty() && all.back() != 0) refuse(name, "a last name without a zero byte behind it", "whole names");
    if (const std::int64_t count = std::ranges::count(all, std::uint8_t{0}); count < least || count > most)
      refuse(name, text(count, " names"), wanted);
    std::vector<std::string> out;
    for (auto at = all.begin(); at != all.end();) {
      const auto end = std::find(at, all.end(), std::uint8_t{0});
      out.emplace_back(at, end);
      if (out.back().empty() || out.back().size() > longest)
        refuse(name, text("a name of ", out.back().size(), " bytes"), text("1 to ", longest));
      at = end + 1;
    }
    return out;
  }

  void require_all_taken() const {
    if (taken_ != file_.tensors.size())
      fail(where_, text(file_.tensors.size(), " tensors"), text("the ", taken_, " of a set of pictures"));
  }

 private:
  const TensorFile& file_;
  const std::string& where_;
  std::size_t taken_ = 0;
};

void require_classes(const Tensors& tensors, const std::vector<std::string>& classes) {
  for (const std::string& name : classes)
    if (!is_line(name)) tensors.refuse("classes", in_quotes(name), "lines of UTF-8");
  if (std::set(classes.begin(), classes.end()).size() != classes.size())
    tensors.refuse("classes", "a name that is there twice", "names that differ");
}

PictureSplit split_from(Tensors& tensors, const std::string& split, std::int64_t classes) {
  PictureSplit out;
  out.pixels = tensors.get(split + ".pixels", 4);
  const Shape& shape = out.pixels.shape();
  const auto fits_side = [](std::int64_t side) { return side >= 1 && side <= longest_picture_side; };
  if (shape[0] < 1 || !fits_side(shape[1]) || !fits_side(shape[2]) || (shape[3] != 1 && shape[3] != 3))
    tensors.refuse(split + ".pixels", text(shape), text("[n, 1 to ", longest_picture_side, ", likewise, 1 or 3]"));
  const std::int64_t n = shape[0];
  out.labels = tensors.get(split + ".labels", 1);
  if (out.labels.size() != n) tensors.refuse(split + ".labels", text(out.labels.shape()), text(n, " labels"));
  for (std::int64_t i = 0; i < n; ++i)
    if (label_of(out, i) < 0 || label_of(out, i) >= classes)
      tensors.refuse(split + ".labels", text("the label ", label_of(out, i)), text("0 to ", classes - 1));
  out.sources = tensors.names(split + ".names", longest_name, n, n, text(n, ", one for each picture"));
  const Tensor& sums = tensors.get(split + ".sha256", 2);
  if (sums.dim(0) != n || sums.dim(1) != digits)
    tensors.refuse(split + ".sha256", text(sums.shape()), text("[", n, ", ", digits, "]"));
  const std::string_view all(reinterpret_cast<const char*>(sums.bytes().data()), sums.bytes().size());
  if (all.find_first_not_of("0123456789abcdef") != std::string_view::npos)
    tensors.refuse(split + ".sha256", "other bytes", "hexadecimal digits");
  for (std::int64_t i = 0; i < n; ++i)
    out.sha256.emplace_back(all.substr(static_cast<std::size_t>(i * digits), digits));
  return out;
}

}  // namespace

TensorFile to_tensors(const PictureSet& set) {
  TensorFile out;
  out.metadata.emplace(kind_key, kind);
  out.metadata["fit"] = fit_name(set.fit);
  out.tensors["classes"] = packed_names(set.classes);
  for (const auto& [name, split] : {std::pair("train.", &set.train), std::pair("test.", &set.test)}) {
    out.tensors[text(name, "pixels")] = split->pixels;
    out.tensors[text(name, "labels")] = split->labels;
    out.tensors[text(name, "names")] = packed_names(split->sources);
    out.tensors[text(name, "sha256")] = packed_sums(split->sha256);
  }
  return out;
}

PictureSet picture_set_from(const TensorFile& file, const std::string& where) {
  const auto entry = [&](const char* key) {
    const auto at = file.metadata.find(key);
    return at == file.metadata.end() ? std::string() : at->second;
  };
  if (entry(kind_key) != kind)
    fail(where, text("no entry ", kind_key, " = ", kind, " in its metadata"), "a set of pictures",
         file.metadata.contains("model") ? "this is a file of weights" : "`ebb data pack` makes such files");
  PictureSet out;
  out.fit = fit_from(entry("fit"), text(where, ": fit"));
  Tensors tensors(file, where);
  out.classes = tensors.names("classes", longest_class, 2, most_classes, text("2 to ", most_classes));
  require_classes(tensors, out.classes);
  const auto classes = static_cast<std::int64_t>(out.classes.size());
  out.train = split_from(tensors, "train", classes);
  out.test = split_from(tensors, "test", classes);
  if (out.train.pixels.shape().without(0) != out.test.pixels.shape().without(0))
    fail(where, text("pictures ", out.train.pixels.shape(), " and ", out.test.pixels.shape()), "one size in both");
  tensors.require_all_taken();
  return out;
}

void save_packed_set(const std::filesystem::path& path, const PictureSet& set, Existing existing) {
  const TensorFile file = to_tensors(set);
  save_safetensors(path, file.tensors, file.metadata, existing);
}

PictureSet load_packed_set(const std::filesystem::path& path) {
  return picture_set_from(load_safetensors(path), path.string());
}

}  // namespace ebb
