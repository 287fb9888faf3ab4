#include "lab/training/summary.h"

#include <nlohmann/json.hpp>

namespace ebb {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

std::string to_json(const TrainSummary& summary) {
  Json curve = Json::array();
  for (const EpochResult& e : summary.curve) {
    curve.push_back({{"epoch", e.epoch},
                     {"lr", e.lr},
                     {"train_loss", e.train_loss},
                     {"train_accuracy", e.train_accuracy},
                     {summary.evaluated_on + "_loss", e.evaluation_loss},
                     {summary.evaluated_on + "_accuracy", e.evaluation_accuracy},
                     {"seconds", e.seconds},
                     {"images_per_s", e.images_per_second}});
  }
  const Json json = {{"recipe", summary.recipe},
                     {"data", summary.data},
                     {"model", summary.model},
                     {"parameters", summary.parameters},
                     {"test_accuracy", summary.test_accuracy},
                     {"test_loss", summary.test_loss},
                     {"images_per_s", summary.images_per_second},
                     {"seconds", summary.seconds},
                     {"epochs", summary.epochs},
                     {"steps", summary.steps},
                     {"seed", summary.seed},
                     {"threads", summary.threads},
                     {"instruction_set", summary.instruction_set},
                     {"weights_sha256", summary.weights_sha256},
                     {"state_sha256", summary.state_sha256},
                     {"judged_on", summary.evaluated_on},
                     {"curve", curve}};
  // NaN and infinity, which JSON does not know, become null.
  return json.dump(2) + "\n";
}

}  // namespace ebb
