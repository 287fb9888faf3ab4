#include "framework/io/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "framework/io/atomic_file.h"
#include "framework/io/byte_source.h"
#include "framework/io/checksum.h"
#include "framework/io/half.h"
#include "framework/io/safetensors_header.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"

namespace ebb {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian, and so are tensors here");

using safetensors::Entry;
using safetensors::Header;
using safetensors::Stored;

constexpr std::string_view crc_key = "ebb.crc32";

std::string crc_key_of(const std::string& name) { return text(crc_key, ".", name); }

std::string hex(std::uint32_t value) {
  std::string out;
  for (int shift = 28; shift >= 0; shift -= 4) out += "0123456789abcdef"[(value >> shift) & 15u];
  return out;
}

// CRC-32 of what a header says apart from offsets and checksums, written so that no two headers give the same text.
std::uint32_t crc_of_header(const Header& header) {
  std::uint32_t crc = 0;
  const auto add = [&crc](std::string_view part) {
    const std::string sized = text(part.size(), ":");
    crc = crc32(std::as_bytes(std::span(sized.data(), sized.size())), crc);
    crc = crc32(std::as_bytes(std::span(part.data(), part.size())), crc);
  };
  for (const auto& [key, value] : header.metadata) {
    if (key.starts_with(crc_key)) continue;
    add(key);
    add(value);
  }
  std::vector<const Entry*> by_name;
  for (const Entry& entry : header.entries) by_name.push_back(&entry);
  std::ranges::sort(by_name, {}, &Entry::name);
  for (const Entry* entry : by_name) {
    add(entry->name);
    add(text(safetensors::name(entry->type), entry->shape));
  }
  return crc;
}

// A file that claims our checksums must have them all; then nothing of it can change unnoticed.
bool check_header(const Header& header, std::string_view where) {
  std::size_t found = 0;
  for (const auto& [key, value] : header.metadata) found += key.starts_with(crc_key) ? 1 : 0;
  if (found == 0) return false;
  const auto sum = header.metadata.find(std::string(crc_key));
  if (sum == header.metadata.end() || sum->second != hex(crc_of_header(header)) || found != header.entries.size() + 1)
    fail(where, "a header that does not fit its checksums", text("what ", crc_key, " was computed from"),
         "the file is damaged; if another program changed it, remove the metadata that begin with ebb.crc32");
  return true;
}

void check_tensor(const Header& header, const Entry& entry, std::uint32_t crc, std::string_view where) {
  const auto sum = header.metadata.find(crc_key_of(entry.name));
  if (sum == header.metadata.end() || sum->second != hex(crc))
    fail(where, text("tensor ", in_quotes(entry.name), " with CRC-32 ", hex(crc)),
         sum == header.metadata.end() ? "a checksum of it in the metadata" : in_quotes(sum->second),
         "the file is damaged; if another program changed it, remove the metadata that begin with ebb.crc32");
}

// Half-precision numbers come in pieces, so that nothing but the result is as large as they are.
std::uint32_t read_half(ByteSource& source, Stored type, Tensor& tensor, const std::string& what) {
  std::array<std::uint16_t, 8192> piece{};
  std::span<float> out = tensor.mutable_span<float>();
  std::uint32_t crc = 0;
  while (!out.empty()) {
    const std::span<std::uint16_t> part = std::span(piece).first(std::min(out.size(), piece.size()));
    source.read_exactly(std::as_writable_bytes(part), what);
    crc = crc32(std::as_bytes(part), crc);
    std::ranges::transform(part, out.begin(), type == Stored::f16 ? from_f16 : from_bf16);
    out = out.subspan(part.size());
  }
  return crc;
}

std::int64_t count_not_finite(const Tensor& tensor) {
  if (!is_float(tensor.dtype())) return 0;
  return dispatch("safetensors", tensor.dtype(), [&tensor](auto zero) -> std::int64_t {
    return std::ranges::count_if(tensor.span<decltype(zero)>(), [](auto value) { return !std::isfinite(value); });
  });
}

TensorFile read_file(ByteSource& source, std::uint64_t size, const SafetensorsOptions& options) {
  const std::string& where = source.name();
  if (size < 8) fail(where, text(size, " bytes"), "at least 8", "this is no safetensors file, or it is cut off");
  std::array<std::uint64_t, 1> length{};
  source.read_exactly(std::as_writable_bytes(std::span(length)), "the header's length");
  if (length[0] > safetensors::max_header || length[0] > size - 8)
    fail(where, text("a header of ", length[0], " bytes in a file of ", size),
         text("at most ", safetensors::max_header, " and inside the file"),
         "this is no safetensors file, or it is cut off");
  std::string json(static_cast<std::size_t>(length[0]), '\0');
  source.read_exactly(std::as_writable_bytes(std::span(json)), "the header");
  Header header = safetensors::parse_header(json, size - 8 - length[0], where);

  TensorFile file;
  file.checked = check_header(header, where);
  for (const Entry& entry : header.entries) {
    Tensor tensor(entry.shape, safetensors::in_memory(entry.type));
    const std::string what = text("tensor ", in_quotes(entry.name));
    std::uint32_t crc = 0;
    if (entry.type == Stored::f16 || entry.type == Stored::bf16) {
      crc = read_half(source, entry.type, tensor, what);
    } else {
      source.read_exactly(tensor.mutable_bytes(), what);
      if (file.checked) crc = crc32(tensor.bytes());
    }
    if (file.checked) check_tensor(header, entry, crc, where);
    const std::int64_t bad = count_not_finite(tensor);
    if (bad > 0 && options.refuse_not_finite)
      fail(where, text(bad, " numbers of ", what, " that are NaN or infinite"), "finite numbers");
    file.not_finite += bad;
    file.tensors.emplace(entry.name, std::move(tensor));
  }
  source.expect_end();
  std::erase_if(header.metadata, [](const auto& item) { return item.first.starts_with(crc_key); });
  file.metadata = std::move(header.metadata);
  return file;
}

struct Contents {
  std::string front;                   // length and header
  std::vector<const Tensor*> tensors;  // in the order of their bytes
};

Contents contents_of(const std::map<std::string, Tensor>& tensors, const std::map<std::string, std::string>& metadata,
                     std::string_view where) {
  Header header;
  for (const auto& [key, value] : metadata) {
    if (key.starts_with(crc_key))
      fail(where, text("the metadata key ", in_quotes(key)), "one that is not a checksum's");
    header.metadata[key] = value;
  }
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.defined()) fail(where, text("the undefined tensor ", in_quotes(name)), "tensors with numbers");
    header.entries.push_back({name, safetensors::stored_as(tensor.dtype()), tensor.shape(), 0, 0});
  }
  // Wide types first, so that each tensor is aligned to its type (the header's length is a multiple of eight).
  std::ranges::stable_sort(header.entries, std::ranges::greater{},
                           [](const Entry& entry) { return safetensors::size_of(entry.type); });
  Contents out;
  std::uint64_t end = 0;
  const std::uint32_t sum = crc_of_header(header);
  for (Entry& entry : header.entries) {
    const Tensor& tensor = tensors.at(entry.name);
    entry.begin = end;
    entry.end = end += tensor.bytes().size();
    header.metadata[crc_key_of(entry.name)] = hex(crc32(tensor.bytes()));
    out.tensors.push_back(&tensor);
  }
  header.metadata[std::string(crc_key)] = hex(sum);
  const std::string json = safetensors::write_header(header, where);
  const std::array<std::uint64_t, 1> length{json.size()};
  out.front.assign(reinterpret_cast<const char*>(length.data()), 8);
  out.front += json;
  return out;
}

void write(AtomicFile& file, const Contents& contents) {
  file.write(std::as_bytes(std::span(contents.front)));
  for (const Tensor* tensor : contents.tensors) file.write(tensor->bytes());
  file.commit();
}

}  // namespace

TensorFile load_safetensors(const std::filesystem::path& path, const SafetensorsOptions& options) {
  FileSource source(path);
  return read_file(source, source.size(), options);
}

TensorFile load_safetensors(const Directory& directory, const std::string& name, const SafetensorsOptions& options) {
  FileSource source(directory, name);
  return read_file(source, source.size(), options);
}

TensorFile parse_safetensors(std::span<const std::byte> bytes, std::string_view where,
                             const SafetensorsOptions& options) {
  MemorySource source(bytes, std::string(where));
  return read_file(source, bytes.size(), options);
}

void save_safetensors(const std::filesystem::path& path, const std::map<std::string, Tensor>& tensors,
                      const std::map<std::string, std::string>& metadata, Existing existing) {
  const Contents contents = contents_of(tensors, metadata, path.string());
  AtomicFile file(path, existing);
  write(file, contents);
}

void save_safetensors(const Directory& directory, const std::string& name, const std::map<std::string, Tensor>& tensors,
                      const std::map<std::string, std::string>& metadata) {
  const Contents contents = contents_of(tensors, metadata, (directory.path() / name).string());
  AtomicFile file(directory, name);
  write(file, contents);
}

std::vector<std::byte> serialize_safetensors(const std::map<std::string, Tensor>& tensors,
                                             const std::map<std::string, std::string>& metadata) {
  const Contents contents = contents_of(tensors, metadata, "safetensors");
  std::vector<std::byte> out;
  const auto add = [&out](std::span<const std::byte> bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); };
  add(std::as_bytes(std::span(contents.front)));
  for (const Tensor* tensor : contents.tensors) add(tensor->bytes());
  return out;
}

}  // namespace ebb
