// audit.json: rows and values that are read are those that others refer to, and the network is drawn.
#include <cstdint>

#include "framework/compute/basic.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/linear.h"
#include "framework/nn/sequential.h"
#include "framework/tensor/error.h"
#include "lab/audit/audit_record.h"
#include "lab/audit/drawing.h"
#include "optim/sgd.h"
#include "tests/fuzz/target.h"

namespace ebb::fuzz {
namespace {

Verdict run(const Bytes& input) {
  return attempt([&] {
    const AuditRecord got = audit_record_from_json(test::text_of(input), "input");
    for (std::size_t i = 0; i < got.values.size(); ++i) {
      require(got.values[i].parameter < static_cast<std::int64_t>(got.rows.size()), "a parameter has its row");
      for (const auto number : got.values[i].inputs)
        require(number < static_cast<std::int64_t>(i), "inputs come before what is made of them");
    }
    if (!got.refused.empty()) return;
    try {
      require(!audit_drawing(got.rows, got.values).empty(), "a network is drawn");
    } catch (const Error& error) {
      throw Violation(std::string("what is read is drawn, but ") + error.what());
    }
  });
}

std::vector<Bytes> seeds() {
  Sequential net{Rng(1)};
  net.add<Linear>("a", {.in = 3, .out = 4});
  net.add<BatchNorm1d>("b", {.channels = 4});
  net.add<Linear>("c", {.in = 4, .out = 3});
  const Sgd optimizer(decay_weights_only(net, decoupled_lr(0.1)), {.lr = 0.1});
  Tensor x({4, 3}, DType::f32);
  fill_normal(x, Rng(2), 0, 1);
  const Tensor labels = Tensor::from<std::int64_t>({0, 1, 2, 1}, {4});
  const AuditFile none = audit_file([]() -> Audit { fail("audit", "this", "that"); });
  return {test::bytes_of(audit(net, x, labels, &optimizer, {.probe = false}).json()), test::bytes_of(none.json)};
}

void mutate(Bytes& input, Dice& dice, const Blindly& blindly) {
  if (dice.chance(20)) return blindly(input);
  std::string json = test::text_of(input);
  test::mutate_json(json, dice);
  input = test::bytes_of(json);
}

}  // namespace

const Target audits{"audits", run, seeds, mutate};

}  // namespace ebb::fuzz
