// A program that throws what its argument names, for the tests of guarded().
#include <new>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "framework/tensor/error.h"
#include "lab/program/guarded.h"

namespace {

struct Unusual {};

void planted(std::string_view kind) {
  if (kind == "error") ebb::fail("planted", "this", "that", "do so");
  if (kind == "exception") throw std::out_of_range("planted and derived");
  if (kind == "memory") throw std::bad_alloc();
  if (kind == "length") std::vector<int>().resize(static_cast<std::size_t>(-1));
  if (kind == "number") throw 42;
  if (kind == "type") throw Unusual{};
}

void planted_where_nothing_may_be_thrown(std::string_view kind) noexcept { planted(kind); }

int body(int argc, char** argv) {
  if (argc == 2) planted(argv[1]);
  if (argc == 3) planted_where_nothing_may_be_thrown(argv[2]);
  return 7;
}

}  // namespace

int main(int argc, char** argv) {
  return ebb::guarded([&] { return body(argc, argv); });
}
