// The outermost part of a program: whatever is thrown becomes a sentence and an exit status.
#pragma once

#include <functional>

namespace ebb {

// What body() returns. Where it throws, one line on standard error says what, behind the name of the program,
// and the result is 1. Memory that is missed where nothing may be thrown ends the process with the same line and
// status; any other exception there meets the terminate handler that was set before.
int guarded(const std::function<int()>& body);

// What guarded() advises where there is no memory, in place of ending other programs. \param remedy a literal.
void remedy_for_lack_of_memory(const char* remedy);

}  // namespace ebb
