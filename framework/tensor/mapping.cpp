#include "framework/tensor/mapping.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <new>

namespace ebb::detail {
namespace {

constexpr std::size_t head = sizeof(Storage);
constexpr std::size_t huge = std::size_t{2} << 20;  // pages of this size spare most of the cost of first touch

constexpr std::size_t round_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

// Large mappings begin at a huge page, unless the address space is too narrow for the way there.
void* map_pages(std::size_t total) {
  const auto map = [](std::size_t bytes) -> std::byte* {
    void* const at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? nullptr : static_cast<std::byte*>(at);
  };
  if (total < 2 * huge) return map(total);
  std::byte* begin = map(total + huge);
  if (begin != nullptr) {
    const std::size_t front = (huge - reinterpret_cast<std::uintptr_t>(begin) % huge) % huge;
    if (front > 0) munmap(begin, front);
    begin += front;
    munmap(begin + total, huge - front);
  } else {
    begin = map(total);
  }
  if (begin != nullptr) madvise(begin, total, MADV_HUGEPAGE);  // a hint: where it is refused everything still works
  return begin;
}

Storage* make_piece(void* at, std::size_t capacity) {
  Storage* const piece = new (at) Storage;
  piece->size_class = Storage::mapped;
  piece->capacity = capacity;
  return piece;
}

// The largest class that the piece holds.
std::size_t bin_of(const Storage* piece) {
  const int fitting = class_of(piece->capacity);
  return static_cast<std::size_t>(bytes_of(fitting) > piece->capacity ? fitting - 1 : fitting);
}

}  // namespace

Storage* Mappings::map(std::size_t bytes) {
  static const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t total = round_up(head + bytes, page);
  void* const at = map_pages(total);
  return at == nullptr ? nullptr : make_piece(at, total - head);
}

Storage* Mappings::take(std::size_t bytes) {
  const std::size_t wanted = round_up(head + bytes, placement) - head;  // so that the next piece is placed, too
  Storage* piece = nullptr;
  // Pieces of the first bin may be too small; those of all others are large enough.
  const int first = class_of(wanted) - 1;
  for (piece = kept_[static_cast<std::size_t>(first)]; piece != nullptr && piece->capacity < wanted;)
    piece = piece->next;
  for (int bin = first + 1; piece == nullptr && bin < size_classes; ++bin) piece = kept_[static_cast<std::size_t>(bin)];
  if (piece == nullptr) return nullptr;
  unlink(piece);
  if (piece->capacity >= wanted + head + smallest_piece) {
    Storage* const rest = make_piece(piece->data() + wanted, piece->capacity - wanted - head);
    piece->capacity = wanted;
    rest->before = piece;
    rest->after = piece->after;
    if (rest->after != nullptr) rest->after->before = rest;
    piece->after = rest;
    link(rest);
  }
  return piece;
}

void Mappings::keep(Storage* piece) {
  // Puts `right` behind `left`, both free and in no bin.
  const auto join = [](Storage* left, Storage* right) {
    left->capacity += head + right->capacity;
    left->after = right->after;
    if (left->after != nullptr) left->after->before = left;
    right->~Storage();
  };
  if (Storage* const after = piece->after; after != nullptr && after->kept) {
    unlink(after);
    join(piece, after);
  }
  if (Storage* const before = piece->before; before != nullptr && before->kept) {
    unlink(before);
    join(before, piece);
    piece = before;
  }
  link(piece);
}

std::size_t Mappings::release() {
  std::size_t bytes = 0;
  for (Storage* piece : kept_) {
    while (piece != nullptr) {
      Storage* const next = piece->next;
      if (piece->before == nullptr && piece->after == nullptr) {
        unlink(piece);
        bytes += piece->capacity;
        munmap(piece, head + piece->capacity);
      }
      piece = next;
    }
  }
  return bytes;
}

void Mappings::link(Storage* piece) {
  Storage*& first = kept_[bin_of(piece)];
  piece->kept = true;
  piece->previous = nullptr;
  piece->next = first;
  if (first != nullptr) first->previous = piece;
  first = piece;
}

void Mappings::unlink(Storage* piece) {
  if (piece->previous != nullptr) piece->previous->next = piece->next;
  else kept_[bin_of(piece)] = piece->next;
  if (piece->next != nullptr) piece->next->previous = piece->previous;
  piece->next = piece->previous = nullptr;
  piece->kept = false;
}

}  // namespace ebb::detail
