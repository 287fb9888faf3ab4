// stb_image between two fences: checked pictures go in (png.cpp, jpeg.cpp), and memory comes from an arena with a
// limit, zeroed, and given back whatever happens. Nothing else of the project includes it.
#include "data/pictures/decode.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>

#include "framework/tensor/error.h"

namespace {

using ebb::detail::PictureBytes;

// The decoder's memory for one picture. Zeroed: what it does not fill would else be what stood there before.
class Arena {
 public:
  explicit Arena(std::size_t most) : most_(most) { current = this; }
  ~Arena() { current = nullptr; }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Null beyond the limit, as the decoder expects.
  void* allocate(std::size_t size) {
    size = std::max<std::size_t>(1, size);
    if (size > most_ - held_) return nullptr;
    try {
      blocks_.emplace_back(size);
    } catch (const std::exception&) {
      missed_ = true;
      return nullptr;
    }
    held_ += size;
    return blocks_.back().data();
  }

  void release(void* memory) {
    const auto at = block_at(memory);
    if (at == blocks_.end()) return;
    held_ -= at->size();
    blocks_.erase(at);
  }

  void* reallocate(void* old, std::size_t size) {
    void* const out = allocate(size);
    const auto at = block_at(old);
    if (out == nullptr || at == blocks_.end()) return out;
    std::memcpy(out, old, std::min(size, at->size()));
    release(old);
    return out;
  }

  // Whether the system had no memory within the limit.
  bool missed() const { return missed_; }

  static thread_local Arena* current;

 private:
  std::vector<PictureBytes>::iterator block_at(const void* memory) {
    return std::ranges::find_if(blocks_, [&](const PictureBytes& block) { return block.data() == memory; });
  }

  std::vector<PictureBytes> blocks_;
  std::size_t most_, held_ = 0;
  bool missed_ = false;
};

thread_local Arena* Arena::current = nullptr;

// A row of colour at half the width, doubled by linear interpolation with the rounding of libjpeg. stb_image's own has
// the weights of the last column but one the wrong way round, which shows at the right edge of every 4:2:2 picture.
// The macro below renames the definition of its function alone: where it is used stands no parenthesis.
unsigned char* stbi__resample_row_h_2(unsigned char* out, unsigned char* near, unsigned char* /*far*/, int width,
                                      int /*factor*/) {
  for (int i = 0; i < width; ++i) {
    const int here = near[i], left = near[std::max(0, i - 1)], right = near[std::min(width - 1, i + 1)];
    out[2 * i] = static_cast<unsigned char>((3 * here + left + (i > 0 ? 1 : 2)) >> 2);
    out[2 * i + 1] = static_cast<unsigned char>((3 * here + right + 2) >> 2);
  }
  return out;
}

}  // namespace

#define stbi__resample_row_h_2(...) stbi__unused_row_h_2 [[maybe_unused]] (__VA_ARGS__)

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_MAX_DIMENSIONS 4096
#define STBI_ASSERT(condition) ((condition) ? void() : throw std::logic_error("a broken assumption: " #condition))
#define STBI_MALLOC(size) Arena::current->allocate(size)
#define STBI_REALLOC(old, size) Arena::current->reallocate(old, size)
#define STBI_FREE(memory) Arena::current->release(memory)
#include <stb/stb_image.h>

namespace ebb::detail {

static_assert(longest_picture_side == STBI_MAX_DIMENSIONS);

namespace {
std::atomic<std::int64_t> calls = 0;
}

std::int64_t decode_calls() { return calls.load(); }

Tensor decode(const CheckedPicture& picture, const std::string& name) {
  calls.fetch_add(1, std::memory_order_relaxed);
  Arena arena(picture.most_bytes);
  const auto refuse = [&](const char* reason) {
    if (arena.missed()) throw std::bad_alloc();  // which says nothing about the picture
    fail(name, text("damaged pixels (", reason != nullptr ? reason : "they end early", ")"), "a whole picture",
         "save it again with another program");
  };
  stbi__g_failure_reason = nullptr;  // of the picture before
  int width = 0, height = 0, channels = 0;
  const stbi_uc* pixels = nullptr;
  try {
    pixels = stbi_load_from_memory(reinterpret_cast<const stbi_uc*>(picture.bytes.data()),
                                   static_cast<int>(picture.bytes.size()), &width, &height, &channels, 0);
  } catch (const std::logic_error& assumption) {
    refuse(assumption.what());
  }
  if (pixels == nullptr) refuse(stbi_failure_reason());
  if (width != picture.width || height != picture.height || channels != picture.channels)
    refuse("another size than announced");
  Tensor out({picture.height, picture.width, picture.channels}, DType::u8);
  std::memcpy(out.mutable_data<std::uint8_t>(), pixels, out.bytes().size());
  return out;
}

}  // namespace ebb::detail
