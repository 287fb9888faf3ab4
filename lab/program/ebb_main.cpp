#include "lab/program/ebb_main.h"

#include <algorithm>
#include <csignal>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/program/ebb_command_line.h"
#include "lab/program/guarded.h"
#include "lab/studies/studies.h"

namespace ebb {
namespace {

int program(int argc, char** argv, const std::shared_ptr<const Extensions>& extensions,
            const std::vector<Study>& studies) {
  // A file above the limit of `ulimit -f` is an error with a message, as a full disk is, not the end of the process.
  std::signal(SIGXFSZ, SIG_IGN);
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  if (arguments.size() > 1 && arguments[0] == study_command &&
      is_study_worker({arguments.begin() + 1, arguments.end()}))
    return serve_study(studies, {arguments.begin() + 2, arguments.end()});
  return EbbCommandLine(extensions).run(argc, argv, studies);
}

}  // namespace

int ebb_main(int argc, char** argv, const Extensions& extensions, const std::vector<Study>& studies) {
  return guarded_main(argc, argv, [&] {
    std::vector<Study> all = built_in_studies();
    for (const Study& study : studies) {
      require_sound(study);
      if (std::ranges::any_of(all, [&](const Study& other) { return other.name == study.name; }))
        fail(text("study ", in_quotes(study.name)), "a name of Ebb's, or one that is given twice", "another name");
      all.push_back(study);
    }
    return program(argc, argv, checked(extensions), all);
  });
}

}  // namespace ebb
