#include "lab/program/guarded.h"

#include <cxxabi.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <new>
#include <string_view>
#include <typeinfo>

#include "framework/tensor/printable.h"
#include "lab/program/end_signal.h"
#include "lab/program/program_name.h"
#include "lab/program/standard_streams.h"

namespace ebb {
namespace {

constexpr std::string_view no_memory = ": [memory] got none from the system; wanted more of it; ";

std::string_view memory_remedy = "end other programs, or allow more: ulimit -v";

// Made of one write: streams may ask for memory.
void say_no_memory() {
  const auto part = [](std::string_view text) { return iovec{const_cast<char*>(text.data()), text.size()}; };
  const std::array parts{part(program_name()), part(no_memory), part(memory_remedy), part("\n")};
  [[maybe_unused]] const auto n = ::writev(STDERR_FILENO, parts.data(), static_cast<int>(parts.size()));
}

std::terminate_handler handler_before = nullptr;

// Memory can also be missed where nothing may be thrown: nlohmann's values ask for some while they are destroyed. The
// run is then as after a kill, which it survives.
[[noreturn]] void end_without_memory() {
  if (const std::exception_ptr exception = std::current_exception()) {
    try {
      std::rethrow_exception(exception);
    } catch (const std::bad_alloc&) {
      say_no_memory();
      std::_Exit(1);
    } catch (...) {  // a defect: the handler before says what
    }
  }
  if (handler_before != nullptr) handler_before();
  std::abort();
}

// The name of the type of the exception being handled.
void name_exception(std::ostream& out) {
  const std::type_info* const type = abi::__cxa_current_exception_type();
  if (type == nullptr) {
    out << "unknown";
    return;
  }
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> plain(abi::__cxa_demangle(type->name(), nullptr, nullptr, &status),
                                                          &std::free);
  out << (plain == nullptr ? type->name() : plain.get());
}

}  // namespace

void remedy_for_lack_of_memory(const char* remedy) { memory_remedy = remedy; }

int detail::guarded(int (*body)(const void*), const void* argument) {
  if (const std::terminate_handler before = std::set_terminate(end_without_memory); before != end_without_memory)
    handler_before = before;
  try {
    return body(argument);
  } catch (const std::bad_alloc&) {
    say_no_memory();
  } catch (const std::exception& error) {
    complain() << printable(in_own_name(error.what())) << '\n';
  } catch (...) {
    complain() << "an exception of type ";
    name_exception(std::cerr);
    std::cerr << '\n';
  }
  return 1;
}

int detail::guarded_main(int argc, const char* const* argv, int (*body)(const void*), const void* argument) {
  return ebb::guarded([&] {
    prepare_standard_streams();
    take_temporaries_along();
    name_program(argc, argv);
    return after_output(guarded(body, argument));
  });
}

}  // namespace ebb
