// A library to be preloaded into a program: EBB_THROW_AT is the number of the call of operator new, counted from the
// first std::set_terminate() on, that throws a std::runtime_error. Says on standard output how many calls there were.
#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <stdexcept>

namespace {

bool counting = false;
long calls = 0;

long chosen() {
  static const char* const number = std::getenv("EBB_THROW_AT");
  return number == nullptr ? 0 : std::atol(number);
}

}  // namespace

void* operator new(std::size_t size) {
  if (counting && ++calls == chosen()) throw std::runtime_error("a planted exception");
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}

std::terminate_handler std::set_terminate(std::terminate_handler handler) noexcept {
  counting = true;
  const auto original = reinterpret_cast<std::terminate_handler (*)(std::terminate_handler)>(
      dlsym(RTLD_NEXT, "_ZSt13set_terminatePFvvE"));
  return original(handler);
}

__attribute__((destructor)) static void report() {
  if (counting) std::printf("%ld calls of operator new\n", calls);
}
