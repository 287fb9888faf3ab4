// Counts what operator new is asked for. A test program that links allocations.cpp has its operator new replaced.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ebb::test {

// Watches from its construction; one at a time.
class AllocationWatch {
 public:
  AllocationWatch();

  std::uint64_t calls() const;       // of operator new, in all threads
  std::uint64_t calls_here() const;  // of operator new, in the constructing thread
  std::size_t peak_bytes() const;    // most bytes held at once above those held at the start, from operator new and
                                     // from the tensors' pool together (as an upper bound)

 private:
  std::uint64_t calls_;
  std::uint64_t calls_here_;
  std::size_t live_;
  std::size_t pool_live_;
};

}  // namespace ebb::test
