// Every model of the zoo with every norm it has: travel and probe agree.
#include <boost/test/unit_test.hpp>
#include <map>

#include "framework/compute/basic.h"
#include "lab/audit/audit.h"
#include "models/registry.h"

namespace ebb {
namespace {

std::map<std::string, int> counted(const Audit& audit) {
  std::map<std::string, int> counts;
  for (const AuditRow& r : audit.rows) ++counts[name(r.position)];
  return counts;
}

Audit audited(const std::string& model, std::optional<NormOptions> norm = {}) {
  const Shape image = model == "lenet" || model == "mnistcnn" || model == "mlp" ? Shape{28, 28, 1} : Shape{32, 32, 3};
  const std::unique_ptr<Layer> net = make_model(model, {.image = image, .classes = 4, .norm = norm}, Rng(1));
  Tensor x(image.insert(0, 4), DType::f32);
  fill_normal(x, Rng(2), 0, 1);
  return audit(*net, x, Tensor::from<std::int64_t>({0, 1, 2, 3}, {4}), nullptr, {.probe_batch = 2});
}

void require_sound(const std::string& model, const Audit& found) {
  for (const std::string& p : found.problems) BOOST_ERROR(model << ": " << p);
  for (const AuditedSymmetry& s : found.symmetries)
    BOOST_TEST(s.probe->confirmed, model << ": " << text(s.symmetry) << ": " << s.probe->reason);
}

BOOST_AUTO_TEST_SUITE(audited_zoo)

BOOST_AUTO_TEST_CASE(small_networks) {
  for (const std::string model : {"mlp", "lenet", "mnistcnn", "resnet-8"}) require_sound(model, audited(model));
}

BOOST_AUTO_TEST_CASE(residual_networks_with_each_norm) {
  for (const auto& [norm, feeds] : {std::pair{Norm::batch, 9}, {Norm::group, 9}, {Norm::layer, 9}, {Norm::none, 0}}) {
    const Audit found = audited("resnet-8", NormOptions{.kind = norm, .groups = 4});
    require_sound("resnet-8", found);
    std::map<std::string, int> counts = counted(found);
    BOOST_TEST(counts["head"] == 2);
    BOOST_TEST((counts["feeds_norm"] > 0) == (feeds > 0));
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(audited_zoo_slow)

BOOST_AUTO_TEST_CASE(all_models) {
  for (const std::string& model : model_names()) require_sound(model, audited(model));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
