#include "lab/runs/run_files.h"

#include "framework/io/read_text.h"

namespace ebb {

std::string read_run_file(const std::filesystem::path& run, const RunFile& file) {
  return read_text(run / file.name, file.most_read);
}

}  // namespace ebb
