// A library to be preloaded into a program: EBB_THROW_AT is the number of the call of operator new, counted from the
// beginning of main() on, that throws a std::runtime_error. Says on standard output how many calls there were.
#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <new>
#include <stdexcept>

namespace {

using Main = int (*)(int, char**, char**);

Main real_main = nullptr;
bool counting = false;
long calls = 0;

long chosen() {
  static const char* const number = std::getenv("EBB_THROW_AT");
  return number == nullptr ? 0 : std::atol(number);
}

int counted_main(int argc, char** argv, char** environment) {
  counting = true;
  return real_main(argc, argv, environment);
}

}  // namespace

void* operator new(std::size_t size) {
  if (counting && ++calls == chosen()) throw std::runtime_error("a planted exception");
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}

extern "C" int __libc_start_main(Main main, int argc, char** argv, void (*init)(), void (*fini)(), void (*last)(),
                                 void* stack_end) {
  real_main = main;
  const auto original = reinterpret_cast<decltype(&__libc_start_main)>(dlsym(RTLD_NEXT, "__libc_start_main"));
  return original(counted_main, argc, argv, init, fini, last, stack_end);
}

__attribute__((destructor)) static void report() {
  if (calls > 0) std::printf("%ld calls of operator new\n", calls);
}
