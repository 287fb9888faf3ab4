// The program `ebb` with a layer, an op, a kind of decay, an optimizer, a schedule, a data set, a model and keys of
// one's own. `own check-op` compares the op's rule with differences instead.
#include <array>
#include <iostream>
#include <span>
#include <string_view>

#include <ebb/framework/autograd/gradcheck.h>
#include <ebb/lab/program/ebb_main.h>

#include "dataset.h"
#include "decay.h"
#include "model.h"
#include "optimizer.h"
#include "schedule.h"

namespace {

int check_op() {
  const std::array<ebb::Tensor, 1> inputs{ebb::Tensor::from({-30.0, -2.0, -0.5, 0.1, 1.0, 40.0}, {2, 3})};
  const ebb::GradcheckReport report = ebb::gradcheck(
      "softsign", [](std::span<const ebb::Var> v) { return user::softsign(v[0]); }, inputs);
  std::cout << "softsign: " << (report ? "right" : report.message) << '\n';
  return report ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && argv[1] == std::string_view("check-op")) return check_op();
  return ebb::ebb_main(
      argc, argv,
      {.models = {{.name = "stretched", .keys = {"stretch_width"}, .make = user::stretched_net}},
       .data = {{.name = "shapes", .read = user::shapes}},
       .optimizers = {{.name = "unit_sgd", .keys = {"momentum", "norm_floor"}, .make = user::unit_sgd}},
       .schedules = {{.name = "saw", .keys = {"saw_low"}, .make = user::saw}},
       .decays = {{.name = "half_life", .make = user::half_life}},
       .keys = {
           {.name = "stretch_width", .help = "channels", .initial = 8, .low = 1, .high = 1024},
           {.name = "norm_floor", .help = "least norm that is divided by", .initial = 1e-6, .low = 1e-12, .high = 1},
           {.name = "saw_low", .help = "multiplier at the end of an epoch", .initial = 0.1, .low = 0, .high = 1}}});
}
