// Real data beside the source tree, for tests that skip themselves without it.
#pragma once

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>

namespace ebb::test {

// `folder` of the directory "data" in $EBB_SHARED, or in ../shared beside the source tree; empty when it is not there.
inline std::filesystem::path shared_data(const char* folder) {
  const char* const variable = std::getenv("EBB_SHARED");
  const std::filesystem::path root =
      variable != nullptr ? variable : std::filesystem::path(EBB_SOURCE_DIR).parent_path() / "shared";
  const std::filesystem::path found = root / "data" / folder;
  if (std::filesystem::is_directory(found)) return found;
  BOOST_TEST_MESSAGE("skipped: no " << found << " (EBB_SHARED names another directory)");
  return {};
}

}  // namespace ebb::test
