#include "lab/program/argument_checks.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "framework/tensor/printable.h"
#include "framework/tensor/text.h"
#include "lab/format/numbers.h"

namespace ebb {
namespace {

std::string wanted(const std::string& given, const std::string& what) {
  return text("got ", in_quotes(given), "; wanted ", what);
}

}  // namespace

ArgumentCheck whole_number(std::uint64_t low, std::uint64_t high) {
  return [=](const std::string& given) {
    std::uint64_t number = 0;
    const char* const end = given.data() + given.size();
    const auto read = std::from_chars(given.data(), end, number);
    const bool plain = read.ec == std::errc() && read.ptr == end && (given.size() == 1 || given.front() != '0');
    return plain && number >= low && number <= high ? std::string()
                                                    : wanted(given, text("a whole number from ", low, " to ", high));
  };
}

ArgumentCheck a_number() {
  return [](const std::string& given) {
    const std::optional<double> number = number_in(given);
    return number && std::isfinite(*number) ? std::string() : wanted(given, "a number");
  };
}

void refuse_empty_texts(CLI::App& command) {
  for (CLI::Option* const option : command.get_options([](const CLI::Option*) { return true; }))
    if (option->get_items_expected_max() > 0)
      option->check([](const std::string& given) {
        return given.empty() ? wanted(given, "something: an empty text is none") : std::string();
      });
  for (CLI::App* const below : command.get_subcommands([](const CLI::App*) { return true; }))
    refuse_empty_texts(*below);
}

}  // namespace ebb
