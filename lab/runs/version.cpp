#include "lab/runs/version.h"

namespace ebb {

std::string version() { return EBB_VERSION; }

std::string compiler() {
#if defined(__clang__)
  return std::string("Clang ").append(__clang_version__);
#else
  return std::string("GCC ").append(__VERSION__);
#endif
}

}  // namespace ebb
