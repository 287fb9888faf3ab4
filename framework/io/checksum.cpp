#include "framework/io/checksum.h"

#include <openssl/evp.h>
#include <zlib.h>

#include <bit>
#include <vector>

#include "framework/io/byte_source.h"
#include "framework/tensor/error.h"

namespace ebb {

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  bool ended = false;
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  if (state_->context == nullptr || EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) != 1)
    fail("sha256", "a refusal of libcrypto to compute SHA-256", "an OpenSSL that provides it");
}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::add(std::span<const std::byte> bytes) {
  if (state_->ended) fail("sha256", "bytes after the digest was taken", "a new Sha256");
  if (EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) != 1)
    fail("sha256", "a failure of libcrypto", "a working OpenSSL");
}

std::string Sha256::hex() {
  if (state_->ended) fail("sha256", "a second request for the digest", "a new Sha256");
  state_->ended = true;
  std::array<unsigned char, 32> digest{};
  unsigned length = 0;
  if (EVP_DigestFinal_ex(state_->context, digest.data(), &length) != 1 || length != digest.size())
    fail("sha256", "a failure of libcrypto", "a working OpenSSL");
  std::string out;
  for (const unsigned char byte : digest) {
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

std::string sha256(std::span<const std::byte> bytes) {
  Sha256 sha;
  sha.add(bytes);
  return sha.hex();
}

std::string sha256_file(const std::filesystem::path& path) {
  FileSource file(path);
  Sha256 sha;
  std::vector<std::byte> buffer(std::size_t{1} << 16);
  while (const std::size_t count = file.read(buffer)) sha.add(std::span(buffer).first(count));
  return sha.hex();
}

std::string sha256(const std::map<std::string, Tensor>& tensors) {
  static_assert(std::endian::native == std::endian::little);
  Sha256 sha;
  const auto number = [&sha](std::int64_t value) { sha.add(std::as_bytes(std::span(&value, 1))); };
  const auto words = [&sha](std::string_view value) { sha.add(std::as_bytes(std::span(value.data(), value.size()))); };
  for (const auto& [name, tensor] : tensors) {
    require_defined("sha256", name.c_str(), tensor);
    number(static_cast<std::int64_t>(name.size()));
    words(name);
    words(ebb::name(tensor.dtype()));
    number(tensor.rank());
    for (const std::int64_t dim : tensor.shape().dims()) number(dim);
    sha.add(tensor.bytes());
  }
  return sha.hex();
}

std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t so_far) {
  return static_cast<std::uint32_t>(::crc32_z(so_far, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace ebb
