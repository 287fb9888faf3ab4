// The outermost part of a program: whatever is thrown becomes a sentence and an exit status.
#pragma once

namespace ebb {
namespace detail {

int guarded(int (*body)(const void*), const void* argument);
int guarded_main(int argc, const char* const* argv, int (*body)(const void*), const void* argument);

template <typename Body>
int call(const void* body) {
  return (*static_cast<const Body*>(body))();
}

}  // namespace detail

// What body() returns. Where it throws, one line on standard error says what, behind the name of the program,
// and the result is 1. Memory that is missed where nothing may be thrown ends the process with the same line and
// status; any other exception there meets the terminate handler that was set before. Asks for no memory before
// exceptions are caught, as a std::function might.
template <typename Body>
int guarded(const Body& body) {
  return detail::guarded(detail::call<Body>, &body);
}

// The whole of a main function, none of it outside of guarded(): prepares the standard streams, takes temporary files
// along when a signal ends the program, notes its name, calls body(), and sees to it that its output was written.
template <typename Body>
int guarded_main(int argc, const char* const* argv, const Body& body) {
  return detail::guarded_main(argc, argv, detail::call<Body>, &body);
}

// What guarded() advises where there is no memory, in place of ending other programs. \param remedy a literal.
void remedy_for_lack_of_memory(const char* remedy);

}  // namespace ebb
