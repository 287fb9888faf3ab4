/// \file
/// ebb_main(): the whole program `ebb`, with one's own models, norms, data sets, optimizers, schedules and kinds of
/// decay.
#pragma once

#include <vector>

#include "lab/setup/extensions.h"
#include "lab/study/study.h"

namespace ebb {

/// The program `ebb` with everything that `extensions` add to it: recipes may name them, `--help` lists them with their
/// keys, and train, resume, eval, report and audit do with them as with Ebb's own.
///
/// <!-- code: examples/own_program.cpp main -->
/// ```cpp
/// int main(int argc, char** argv) {
///   const auto rms = [](std::int64_t channels, const Recipe&) { return std::make_unique<RmsNorm>(channels); };
///   const OwnKey width{.name = "tiny_width", .help = "channels", .initial = 8, .low = 1, .high = 1024};
///   return ebb_main(argc, argv,
///                   {.models = {{.name = "tiny", .keys = {"norm", "tiny_width"}, .make = tiny_net}},
///                    .norms = {{.name = "rms", .make = rms}},
///                    .data = {{.name = "bars", .read = bars}},
///                    .decays = {{.name = "half_life", .make = half_life}},
///                    .keys = {width}});
/// }
/// ```
/// \param studies of one's own, for `ebb study` beside Ebb's.
/// \returns the exit status: errors are sentences on standard error, and 1.
int ebb_main(int argc, char** argv, const Extensions& extensions = {}, const std::vector<Study>& studies = {});

}  // namespace ebb
