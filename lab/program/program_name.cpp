#include "lab/program/program_name.h"

#include <filesystem>
#include <iostream>
#include <string_view>

#include "framework/tensor/printable.h"
#include "lab/format/shell_word.h"

namespace ebb {
namespace {

std::string& name() {
  static std::string called = "ebb";
  return called;
}

}  // namespace

void name_program(int argc, const char* const* argv) {
  if (argc < 1 || argv[0] == nullptr) return;
  const std::string file = std::filesystem::path(argv[0]).filename().string();
  if (!file.empty()) name() = file;
}

const std::string& program_name() { return name(); }

std::ostream& complain() { return std::cerr << printable_line(name()) << ": "; }

std::string in_own_name(std::string text) {
  constexpr std::string_view command = "`ebb ";
  const std::string own = "`" + shell_word(program_name()) + ' ';
  for (std::size_t at = text.find(command); at != std::string::npos; at = text.find(command, at + own.size()))
    text.replace(at, command.size(), own);
  return text;
}

}  // namespace ebb
