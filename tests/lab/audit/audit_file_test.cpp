// audit.json: what is written is read back, and what is damaged is refused or drawn.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "framework/compute/basic.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/linear.h"
#include "framework/nn/sequential.h"
#include "lab/audit/audit_record.h"
#include "lab/audit/drawing.h"
#include "optim/sgd.h"
#include "tests/support/allocations.h"
#include "tests/support/errors.h"
#include "tests/support/mutate.h"

namespace ebb {
namespace {

using Json = nlohmann::json;

Audit made() {
  Sequential net{Rng(1)};
  net.add<Linear>("a", {.in = 3, .out = 4});
  net.add<BatchNorm1d>("b\xff", {.channels = 4});
  net.add<Linear>("c", {.in = 4, .out = 3});
  const Sgd optimizer(decay_weights_only(net, decoupled_lr(0.1)), {.lr = 0.1});
  Tensor x({4, 3}, DType::f32);
  fill_normal(x, Rng(2), 0, 1);
  Audit out = audit(net, x, Tensor::from<std::int64_t>({0, 1, 2, 1}, {4}), &optimizer, {.probe = false});
  out.problems.emplace_back("a problem");
  for (NamedParameter& p : out.network.parameters) p = {};  // the model ends here
  return out;
}

BOOST_AUTO_TEST_SUITE(audit_files)

BOOST_AUTO_TEST_CASE(are_read_back) {
  const Audit is = made();
  const AuditRecord got = audit_record_from_json(is.json(), "audit.json");
  BOOST_REQUIRE(got.rows.size() == is.rows.size());
  for (std::size_t i = 0; i < got.rows.size(); ++i) {
    const AuditRow &a = got.rows[i], &b = is.rows[i];
    if (i != 2 && i != 3) BOOST_TEST(a.path == b.path);  // a name that is no UTF-8
    BOOST_TEST(name(a.role) == name(b.role));
    BOOST_TEST(a.shape == b.shape);
    BOOST_TEST(name(a.position) == name(b.position));
    BOOST_TEST(a.granularity == b.granularity);
    BOOST_TEST(a.group == b.group);
    BOOST_TEST(a.decay == b.decay);
    BOOST_TEST(a.decayed == b.decayed);
    BOOST_TEST(a.frozen == b.frozen);
    for (const auto member : {&AuditRow::shrink, &AuditRow::timescale_steps, &AuditRow::norm, &AuditRow::predicted_norm,
                              &AuditRow::predicted_angle, &AuditRow::effective_lr, &AuditRow::gradient_at_unit_norm,
                              &AuditRow::lr, &AuditRow::left, &AuditRow::doubled_norm, &AuditRow::doubled_angle})
      BOOST_TEST((a.*member == b.*member || (std::isnan(a.*member) && std::isnan(b.*member))));
  }
  BOOST_TEST(std::isfinite(got.rows[0].predicted_norm));
  BOOST_TEST(got.problems == is.problems);
  BOOST_TEST(got.warnings == is.warnings);
  AuditRecord named = got;
  for (std::size_t i = 0; i < is.rows.size(); ++i) named.rows[i].path = is.rows[i].path;
  BOOST_TEST(audit_drawing(named.rows, named.values) == is.svg());
}

BOOST_AUTO_TEST_CASE(say_why_there_is_none) {
  const AuditFile none = audit_file([]() -> Audit { throw std::runtime_error("a \"reason\""); });
  BOOST_TEST(audit_record_from_json(none.json, "x").refused == "a \"reason\"");
  BOOST_TEST(none.problems.at(0) == "there is no audit of this network: a \"reason\"");
  const AuditFile one = audit_file(made);
  BOOST_TEST(one.json == made().json());
  BOOST_TEST(one.problems.at(0) == "a problem");
  BOOST_TEST(audit_record_from_json(made().json(), "x").refused.empty());
}

BOOST_AUTO_TEST_CASE(refer_to_what_is_there) {
  const Json whole = Json::parse(made().json());
  const auto refused = [&](const char* pointer, const Json& value) {
    Json bad = whole;
    bad[Json::json_pointer(pointer)] = value;
    const std::string message = test::message_of([&] { audit_record_from_json(bad.dump(), "audit.json"); });
    BOOST_TEST(message.find("audit.json") != std::string::npos, pointer << ": " << message);
  };
  refused("/network/1/inputs", {1});
  refused("/network/1/inputs", {-2});
  refused("/network/1/inputs", {4294967296});
  refused("/network/0/parameter", 6);
  refused("/network/0/parameter", -1);
  refused("/network/0/shape", {-1});
  refused("/network/0/shape", {1, 1, 1, 1, 1, 1, 1});
  refused("/parameters/0/shape", {1LL << 40, 1LL << 40});
  refused("/parameters/0/position", "everywhere");
  refused("/parameters/0/role", 3);
  refused("/parameters", 3);
  refused("/network", Json(100'001, whole["network"][0]));
}

BOOST_AUTO_TEST_CASE(five_thousand_mutations_are_refused_or_drawn) {
  const std::string whole = made().json();
  int read = 0, refused = 0;
  for (std::uint64_t seed = 0; seed < 5000; ++seed) {
    test::Dice dice(seed);
    std::string damaged = whole;
    for (std::size_t n = 1 + dice.below(2); n > 0; --n) test::mutate_json(damaged, dice);
    const test::AllocationWatch watch;
    try {
      const AuditRecord got = audit_record_from_json(damaged, "damaged");
      BOOST_REQUIRE(audit_drawing(got.rows, got.values).ends_with("</svg>\n"));
      ++read;
    } catch (const Error&) {
      ++refused;
    }
    BOOST_REQUIRE(watch.peak_bytes() < 64 * damaged.size() + 65536);
  }
  BOOST_TEST(read > 200);
  BOOST_TEST(refused > 1000);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
