// Checks of error messages.
#pragma once

#include <boost/test/unit_test.hpp>
#include <initializer_list>
#include <string>
#include <string_view>

#include "framework/tensor/error.h"

namespace ebb::test {

// The message of the Error that `call` throws, or "no error".
template <class Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// Passes when `call` throws an Error whose message contains all of `parts`.
template <class Call>
boost::test_tools::assertion_result fails_with(std::initializer_list<std::string_view> parts, const Call& call) {
  boost::test_tools::assertion_result result(false);
  try {
    call();
  } catch (const Error& error) {
    const std::string_view message = error.what();
    for (const std::string_view part : parts) {
      if (message.find(part) != std::string_view::npos) continue;
      result.message() << "no \"" << part << "\" in: " << message;
      return result;
    }
    return true;
  }
  result.message() << "no Error";
  return result;
}

}  // namespace ebb::test
