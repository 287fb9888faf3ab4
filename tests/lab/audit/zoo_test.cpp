// Every model of the zoo with every norm it has: travel and probe agree.
#include <boost/test/unit_test.hpp>
#include <ctime>
#include <iostream>
#include <map>
#include <set>

#include "framework/compute/basic.h"
#include "framework/ops/loss.h"
#include "lab/audit/audit.h"
#include "models/registry.h"
#include "optim/sgd.h"
#include "tests/support/instrumented.h"

namespace ebb {
namespace {

std::map<std::string, int> counted(const Audit& audit) {
  std::map<std::string, int> counts;
  for (const AuditRow& r : audit.rows) ++counts[name(r.position)];
  return counts;
}

// The graph of a network does not depend on the size of images and hidden layers: under a sanitizer they are small.
Audit audited(const std::string& model, std::optional<NormOptions> norm = {}, double* seconds = nullptr,
              std::int64_t probe_batch = 2) {
  const std::int64_t side = test::instrumented ? 16 : 32;
  const Shape image =
      model == "lenet" || model == "mnistcnn" || model == "mlp" ? Shape{28, 28, 1} : Shape{side, side, 3};
  ModelOptions options{.image = image, .classes = 4, .norm = norm};
  if (test::instrumented && model == "mlp") options.hidden = std::vector<std::int64_t>{16, 12};
  const std::unique_ptr<Layer> net = make_model(model, options, Rng(1));
  const std::int64_t samples = std::max<std::int64_t>(4, probe_batch);
  Tensor x(image.insert(0, samples), DType::f32), labels({samples}, DType::i64);
  fill_normal(x, Rng(2), 0, 1);
  for (std::int64_t i = 0; i < samples; ++i) labels.mutable_data<std::int64_t>()[i] = i % 4;
  const std::clock_t begin = std::clock();
  Audit found = audit(*net, x, labels, nullptr, {.probe_batch = probe_batch});
  if (seconds != nullptr) *seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  return found;
}

void require_sound(const std::string& model, const Audit& found) {
  for (const std::string& p : found.problems) BOOST_ERROR(model << ": " << p);
  for (const AuditedSymmetry& s : found.symmetries)
    BOOST_TEST(s.probe->confirmed, model << ": " << text(s.symmetry) << ": " << s.probe->reason);
}

BOOST_AUTO_TEST_SUITE(audited_zoo)

BOOST_AUTO_TEST_CASE(small_networks) {
  std::vector<std::string> models{"mlp", "lenet", "resnet-8"};
  if (!test::instrumented) models.emplace_back("mnistcnn");  // a LeNet of 1.7 million parameters
  for (const std::string& model : models) require_sound(model, audited(model));
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

// All that is added up in front of the norms of a transformer has one scale, and of each what its outputs share is not
// felt: places, patches, and two matrices of each block, with their biases.
BOOST_AUTO_TEST_CASE(a_vision_transformer) {
  const Audit found = audited("vit");
  require_sound("vit", found);
  std::set<std::string> scaled, shifted;
  for (const AuditedSymmetry& s : found.symmetries)
    for (const Symmetry::Part& part : s.symmetry.parts) {
      if (s.symmetry.kind == Symmetry::Kind::scale) scaled.insert(part.path);
      if (s.symmetry.kind == Symmetry::Kind::shift) shifted.insert(part.path);
    }
  std::set<std::string> wanted{"places", "patches.weight", "patches.bias"};
  for (int i = 0; i < 4; ++i)
    for (const char* const layer : {".attn.proj.weight", ".attn.proj.bias", ".fc2.weight", ".fc2.bias"})
      wanted.insert(text("blocks.", i, layer));
  BOOST_TEST(scaled == wanted, boost::test_tools::per_element());
  // Ten tensors and their biases, none of which comes to rest by itself.
  for (const AuditRow& row : found.rows)
    if (scaled.contains(row.path)) {
      BOOST_TEST(row.joint == 10, row.path << ' ' << row.joint);
      BOOST_TEST((std::isnan(row.predicted_norm) && std::isnan(row.effective_lr)), row.path);
    } else {
      BOOST_TEST(row.joint == 1, row.path << ' ' << row.joint);
    }
  wanted.insert({"head.weight", "head.bias"});
  BOOST_TEST(shifted == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(audited_zoo_slow)

constexpr double most_seconds = 5;  // of processor time

// Processor time of the fastest of three calls, seconds.
template <class F>
double seconds(const F& call) {
  double best = 1e9;
  for (int i = 0; i < 3; ++i) {
    const std::clock_t begin = std::clock();
    call();
    best = std::min(best, static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
  }
  return best;
}

BOOST_AUTO_TEST_CASE(the_pass_costs_a_step_and_the_probe_of_a_resnet_20_seconds) {
  const std::unique_ptr<Layer> net = make_model("resnet-20", {.image = {32, 32, 3}, .classes = 10}, Rng(1));
  Tensor x({128, 32, 32, 3}, DType::f32);
  fill_normal(x, Rng(2), 0, 1);
  Tensor labels = Tensor::zeros({128}, DType::i64);
  for (std::int64_t i = 0; i < 128; ++i) labels.mutable_data<std::int64_t>()[i] = i % 10;
  Sgd optimizer(*net, {.lr = 1e-3, .momentum = 0.9, .decay = coupled_l2(1e-4)});
  const double step = seconds([&] {
    net->zero_grad();
    Tape tape;
    tape.backward(softmax_cross_entropy((*net)(x), labels));
    optimizer.step();
  });
  const double pass = seconds([&] { audit(*net, x, labels, &optimizer, {.probe = false}); });
  const double all = seconds([&] { audit(*net, x, labels, &optimizer); });
  std::cout << "ResNet-20, batch 128: a step " << step << " s, the audit without probe " << pass << " s, with it "
            << all << " s of processor time\n";
  BOOST_TEST(pass < 1.2 * step);
  BOOST_TEST(all < most_seconds);
}

// An audit with its probe, a line for docs/laboratory.md, and the promise about its time.
Audit timed(const std::string& model, std::optional<NormOptions> norm = {}) {
  double taken = 0;
  Audit found = audited(model, norm, &taken);
  std::cout << "| " << model << (norm ? text(", norm = ", name(norm->kind)) : "") << " | " << found.rows.size() << " | "
            << found.symmetries.size() << " | " << rounded(taken, 2) << " |" << std::endl;
  BOOST_TEST((test::instrumented || taken < most_seconds), model << " takes " << taken << " s");
  require_sound(model, found);
  return found;
}

// One of each family: deeper ones repeat its blocks.
BOOST_AUTO_TEST_CASE(every_family_within_five_seconds_of_processor_time) {
  for (const char* const model : {"linear", "mlp", "lenet", "mnistcnn", "mobilenetv2", "preresnet20", "resnet20",
                                  "resnet9", "resnet18", "speednet", "vgg11bn", "vit", "wrn-16-4"})
    timed(model);
}

// Every network of the registry as narrow as its family has it: the graph is the same.
std::set<std::string> narrow_models() {
  std::set<std::string> out;
  for (const std::string& name : model_names())
    out.insert(name.starts_with("wrn-") ? name.substr(0, name.rfind('-')) + "-1" : name);
  return out;
}

bool has_norms(const std::string& model) {
  try {
    make_model(model, {.image = {32, 32, 3}, .norm = NormOptions{}}, Rng(1));
    return true;
  } catch (const Error&) {
    return false;
  }
}

BOOST_AUTO_TEST_CASE(every_network_with_every_norm) {
  int audits = 0;
  for (const std::string& model : narrow_models())
    for (const Norm norm : {Norm::batch, Norm::group, Norm::layer, Norm::none}) {
      const bool has = has_norms(model);
      if (!has && norm != Norm::batch) continue;
      BOOST_TEST_CONTEXT(model << ", norm = " << name(norm)) {
        const std::optional<NormOptions> with =
            has ? std::optional(NormOptions{.kind = norm, .groups = 4}) : std::nullopt;
        // Over two samples deep networks make the most of an eps.
        const Audit found = audited(model, with);
        require_sound(model, found);
        if (norm == Norm::batch) require_sound(model, audited(model, with, nullptr, 8));
        std::map<std::string, int> counts = counted(found);
        if (has) BOOST_TEST((counts["feeds_norm"] > 0) == (norm != Norm::none));
        BOOST_TEST(counts["head"] == (model == "speednet" ? 1 : 2));
        ++audits;
      }
    }
  BOOST_TEST(audits >= 85);
}

// Convolutions one behind the other, without a skip.
BOOST_AUTO_TEST_CASE(plain_networks_with_each_norm) {
  for (const auto& [norm, granularity] :
       {std::pair{Norm::batch, "channel"}, {Norm::group, ""}, {Norm::layer, "whole"}, {Norm::none, ""}}) {
    const Audit found = timed("vgg11bn", NormOptions{.kind = norm, .groups = 8});
    int feeds = 0;
    for (const AuditRow& row : found.rows)
      if (row.position == Position::feeds_norm && row.role == Role::weight) {
        ++feeds;
        const std::int64_t width = row.shape[-1];
        BOOST_TEST(row.granularity == (norm == Norm::group ? text("group of ", width / 8) : granularity), row.path);
      }
    BOOST_TEST(feeds == (norm == Norm::none ? 0 : 8));
    BOOST_TEST(counted(found)["head"] == 2);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
