#include "framework/nn/summary.h"

#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/conv_transpose2d.h"
#include "framework/nn/dropout.h"
#include "framework/nn/embedding.h"
#include "framework/nn/flatten.h"
#include "framework/nn/linear.h"
#include "framework/nn/residual.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

const SummaryRow& row(const Summary& summary, const std::string& path) {
  for (const SummaryRow& r : summary.rows)
    if (r.path == path) return r;
  fail("summary", text("no row ", path), "one");
}

BOOST_AUTO_TEST_SUITE(summaries)

BOOST_AUTO_TEST_CASE(rows_and_totals) {
  Sequential net{Rng(1)};
  net.add<Conv2d>("conv", {.in = 3, .out = 8, .kernel = {3, 5}, .stride = {2, 1}, .padding = {1, 2}});
  net.add<BatchNorm2d>("bn", {.channels = 8});
  auto& block = net.add<Residual>("block");
  block.main->add<Conv2d>("conv", {.in = 8, .out = 8, .padding = {1, 1}, .groups = 4, .bias = false});
  net.add<Dropout>("drop");
  net.add<ConvTranspose2d>("up", {.in = 8, .out = 2, .kernel = {2, 2}, .stride = {2, 2}});
  net.add<Flatten>("flatten");
  net.add<Linear>("fc", {.in = 8 * 8 * 2, .out = 5}).freeze();
  net.at(0).eval();
  const State before = net.state();
  const Summary s = summary(net, {2, 8, 4, 3});

  BOOST_TEST(s.rows.size() == 11u);
  BOOST_TEST(s.rows[0].path == "");
  BOOST_TEST((row(s, "conv").output == Shape{2, 4, 4, 8}));
  BOOST_TEST(row(s, "conv").parameters == 3 * 5 * 3 * 8 + 8);
  BOOST_TEST(row(s, "conv").multiply_adds == 2 * 4 * 4 * 8 * 3 * 5 * 3);
  BOOST_TEST(row(s, "conv").activation_bytes == 2 * 4 * 4 * 8 * 4);
  BOOST_TEST(row(s, "conv").settings == "3 -> 8, 3x5, stride 2x1, padding 1x2");
  BOOST_TEST(row(s, "block.main.conv").multiply_adds == 2 * 4 * 4 * 8 * 3 * 3 * 2);
  BOOST_TEST(row(s, "block.main.conv").depth == 3);
  BOOST_TEST(row(s, "block.main").activation_bytes == 0);             // hands on what its convolution made
  BOOST_TEST(row(s, "block").activation_bytes == 2 * 4 * 4 * 8 * 4);  // the sum
  BOOST_TEST(row(s, "drop").activation_bytes == 0);                   // the identity
  BOOST_TEST((row(s, "up").output == Shape{2, 8, 8, 2}));
  BOOST_TEST(row(s, "up").multiply_adds == 2 * 4 * 4 * 8 * 2 * 2 * 2);
  BOOST_TEST(row(s, "flatten").activation_bytes == 0);
  BOOST_TEST(row(s, "flatten").settings == "[8, 8, 2]");
  BOOST_TEST(row(s, "fc").multiply_adds == 2 * 128 * 5);
  BOOST_TEST(s.parameters == net.parameter_count());
  BOOST_TEST(s.frozen == 128 * 5 + 5);
  std::int64_t parameters = 0;
  std::int64_t bytes = 0;
  for (const SummaryRow& r : s.rows) {
    parameters += r.parameters;
    bytes += r.activation_bytes;
  }
  BOOST_TEST(parameters == s.parameters);
  BOOST_TEST(bytes == s.activation_bytes);

  // Nothing has changed: state, modes, the tape.
  for (const auto& entry : net.state()) BOOST_TEST(test::same_bits(entry.second, before.at(entry.first)));
  BOOST_TEST(!net.at(0).training());
  BOOST_TEST(net.at(1).training());
  BOOST_TEST(net.training());

  const std::string table = s.text();
  for (const char* part :
       {"block.main.conv", "[2, 8, 8, 2]", "Conv2d 3 -> 8, 3x5", "11,520", "5.0 KiB", "645 parameters are frozen"})
    BOOST_TEST(table.find(part) != std::string::npos, table);
}

BOOST_AUTO_TEST_CASE(inputs_of_other_types) {
  Sequential net{Rng(1)};
  net.add<Embedding>("table", {.rows = 10, .width = 4});
  net.add<Linear>("fc", {.in = 4, .out = 2});
  net.to(DType::f64);
  const Summary s = summary(net, {3}, DType::i64);
  BOOST_TEST((row(s, "fc").output == Shape{3, 2}));
  BOOST_TEST(row(s, "fc").activation_bytes == 3 * 2 * 8);
  BOOST_TEST(test::error_of([&] { summary(net, {3, 3}); }) != "no error");
  BOOST_TEST(net(Tensor::zeros({1}, DType::i64)).size() == 2);  // nobody observes after an error
}

BOOST_AUTO_TEST_CASE(a_layer_called_twice_has_its_parameters_once) {
  class Again : public Layer {
   public:
    Again() : fc(*this, "fc", {.in = 3, .out = 3}, Rng(1)) {}
    Var forward(const Var& x) override { return fc(fc(x)); }
    Child<Linear> fc;
  };
  Again net;
  const Summary s = summary(net, {1, 3});
  BOOST_TEST(s.rows.size() == 3u);
  BOOST_TEST(s.rows[1].parameters == 12);
  BOOST_TEST(s.rows[2].parameters == 0);
  BOOST_TEST(s.multiply_adds == 18);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
