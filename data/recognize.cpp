#include "data/recognize.h"

#include "framework/tensor/error.h"

namespace ebb {
namespace {

// The CRC is 0 where it is not known: then the length must do.
bool same(const Fingerprint& is, const PublishedContent& content) {
  return is.bytes() == content.bytes && (content.sample_crc == 0 || is.crc() == content.sample_crc);
}

void refuse_other(const PublishedSet& set, const PublishedContent& wanted, const ReadFile& file) {
  for (const std::string& name : published_names()) {
    const PublishedSet& other = published_set(name);
    for (const PublishedContent& content : other.contents)
      if (content.sample_crc != 0 && same(file.fingerprint, content))
        fail(file.name, text("the contents of ", content.name, " of ", other.name), text(wanted.name, " of ", set.name),
             text("name a directory with the files of ", set.name, ", or train on ", other.name));
  }
}

}  // namespace

std::string recognize(const PublishedSet& set, Split split, std::span<const ReadFile> files) {
  std::string others;
  std::size_t i = 0;
  for (const PublishedContent& wanted : set.contents) {
    if (wanted.split != split) continue;
    const ReadFile& file = files[i++];
    if (same(file.fingerprint, wanted)) continue;
    refuse_other(set, wanted, file);
    const std::uint64_t bytes = file.fingerprint.bytes();
    others +=
        text(others.empty() ? "" : ", ", file.name,
             bytes == wanted.bytes ? text(" (other bytes)") : text(" (", bytes, " bytes for ", wanted.bytes, ")"));
  }
  return others.empty() ? others : text("not as ", set.name, " was published: ", others);
}

}  // namespace ebb
