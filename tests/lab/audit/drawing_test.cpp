// The network as a picture: everything is in it, whatever the names, and large networks stay small.
#include "lab/audit/drawing.h"

#include <boost/property_tree/xml_parser.hpp>
#include <boost/test/unit_test.hpp>
#include <sstream>

#include "framework/compute/basic.h"
#include "framework/nn/activations.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/linear.h"
#include "framework/nn/sequential.h"
#include "framework/tensor/printable.h"
#include "lab/audit/blocks.h"
#include "models/registry.h"
#include "optim/sgd.h"

namespace ebb {
namespace {

using detail::Block;
using detail::Blocks;
using detail::Wire;
namespace pt = boost::property_tree;

pt::ptree parsed(const std::string& svg) {
  std::istringstream in(svg);
  pt::ptree out;
  pt::read_xml(in, out);
  return out;
}

// The texts of all elements of this name, from the top.
void collect(const pt::ptree& tree, const std::string& element, std::vector<std::string>& out) {
  for (const auto& [name, child] : tree) {
    if (name == element) out.push_back(child.data());
    collect(child, element, out);
  }
}
std::vector<std::string> texts(const std::string& svg, const std::string& element) {
  std::vector<std::string> out;
  collect(parsed(svg), element, out);
  return out;
}

std::size_t count(const std::string& in, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = in.find(what, at)) != std::string::npos; at += what.size()) ++found;
  return found;
}

Audit quick(Layer& net, const Shape& image, const Optimizer* optimizer = nullptr) {
  Tensor x(image.insert(0, 4), DType::f32);
  fill_normal(x, Rng(2), 0, 1);
  return audit(net, x, Tensor::from<std::int64_t>({0, 1, 2, 3}, {4}), optimizer, {.probe = false});
}

// A value of a made-up pass that reads these.
NetworkValue value(const std::string& op, std::vector<std::int32_t> inputs) {
  return {.op = op, .inputs = std::move(inputs), .to_loss = true};
}

BOOST_AUTO_TEST_SUITE(drawings)

BOOST_AUTO_TEST_CASE(have_a_box_for_each_parameter_and_a_wire_for_each_skip) {
  const std::unique_ptr<Layer> net = make_model("resnet-8", {.image = {32, 32, 3}, .classes = 4}, Rng(1));
  const Sgd optimizer(decay_weights_only(*net, decoupled_lr(0.1)), {.lr = 0.1});
  const Audit found = quick(*net, {32, 32, 3}, &optimizer);
  const std::string svg = found.svg();
  std::string tips;
  for (const std::string& tip : texts(svg, "title")) tips += '\n' + tip;
  for (const AuditRow& row : found.rows)
    BOOST_TEST(count(tips, text('\n', row.path, ": ", name(row.position))) == 1u, row.path);
  // Three additions, each with a skip; two of them around a map of their own, which the main branch goes around.
  BOOST_TEST(detail::blocks_of(found.network.values, 160).wires.size() == 5u);
  BOOST_TEST(count(svg, "<path class=\"line\" fill=\"none\" stroke=\"#5d6672\" stroke-width=\"1.6\" d=\"M") >= 5u);
  BOOST_TEST(count(svg, "<circle") == 3u);
  // Ten maps are decayed; one outline more stands in the legend.
  BOOST_TEST(count(svg, "stroke=\"#1c2127\" stroke-width=\"2.2\"") == 11u);
  for (const AuditRow& row : found.rows)
    BOOST_TEST(count(svg, text(">", name(row.position), " (")) == 1u, "the legend has " << name(row.position));
  BOOST_TEST(count(svg, ">unused (") == 0u);
}

BOOST_AUTO_TEST_CASE(put_the_long_branch_straight_down) {
  // 0 data map, 1 and 2 the branch, 3 the shortcut's map, 4 the sum, 5 the loss.
  const std::vector<NetworkValue> values{value("conv2d", {-1}),      value("conv2d", {0}), value("conv2d", {1}),
                                         value("conv2d", {0}),       value("add", {2, 3}), value("relu", {4}),
                                         value("cross_entropy", {5})};
  const Blocks blocks = detail::blocks_of(values, 160);
  std::vector<std::vector<std::size_t>> lines;
  for (const Block& block : blocks.list) lines.push_back(block.values);
  const std::vector<std::vector<std::size_t>> wanted{{}, {0}, {3}, {1}, {2}, {4, 5}, {6}};
  BOOST_TEST((lines == wanted));
  BOOST_REQUIRE(blocks.wires.size() == 2u);
  BOOST_TEST((blocks.wires[0] == Wire{1, 3}));  // around the shortcut
  BOOST_TEST((blocks.wires[1] == Wire{2, 5}));  // the shortcut, to the sum
  BOOST_TEST(!blocks.list[3].follows);
  BOOST_TEST(blocks.list[5].follows);
}

BOOST_AUTO_TEST_CASE(show_names_as_text_whatever_they_are) {
  const std::vector<std::string> names{"</title><script>alert(1)</script>",
                                       "a\"b' onload='x",
                                       "&amp;&#60;]]>",
                                       "\x1b[31m\x07",
                                       "\xff\xfe\xc0",
                                       "\u202eright to left",
                                       std::string(500, 'm'),
                                       "\u4e2d\u6587\u4e2d\u6587",
                                       "a\nb\tc"};
  std::vector<AuditRow> rows;
  std::vector<NetworkValue> values;
  for (const std::string& evil : names) {
    const int p = static_cast<int>(rows.size());
    rows.push_back({.path = evil, .shape = {3, 4}, .group = evil, .decay = evil});
    values.push_back({.op = "parameter", .parameter = p, .to_loss = true});
    values.push_back(value("linear", {p == 0 ? -1 : 2 * p - 1, 2 * p}));
  }
  rows.push_back({.path = names[0], .position = Position::unused});
  values.push_back(value(names[0], {static_cast<std::int32_t>(values.size()) - 1}));
  const std::string svg = audit_drawing(rows, values);
  const std::vector<std::string> tips = texts(svg, "title");
  BOOST_REQUIRE(tips.size() == rows.size());
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i].find('\n') == std::string::npos)
      BOOST_TEST(tips[i].starts_with(printable(names[i]) + ": plain"), tips[i]);
  BOOST_TEST(count(svg, "<script") == 0u);
  BOOST_TEST(count(svg, "onload='") == 0u);
  for (const char* const forbidden : {"\x1b", "\x07", "\u202e"})
    BOOST_TEST(count(svg, forbidden) == 0u, printable(forbidden));
  for (const std::string& shown : texts(svg, "text")) BOOST_TEST(shown.size() < 100u, shown);
}

BOOST_AUTO_TEST_CASE(hold_no_character_that_xml_does_not_have) {
  const std::string svg =
      audit_drawing({{.path = "a\uffffb\ufffec", .position = Position::unused}}, {value("add\uffff", {-1})});
  BOOST_TEST(texts(svg, "title").at(0).starts_with("a\ufffdb\ufffdc: unused"));
  for (const char* const forbidden : {"\uffff", "\ufffe"}) BOOST_TEST(count(svg, forbidden) == 0u);
}

BOOST_AUTO_TEST_CASE(of_a_thousand_maps_stay_small) {
  Sequential net{Rng(1)};
  for (int i = 0; i < 1000; ++i) {
    net.add<Linear>(text("fc", i), {.in = 4, .out = 4});
    net.add<BatchNorm1d>(text("bn", i), {.channels = 4});
    net.add<ReLU>(text("relu", i));
  }
  const Audit found = quick(net, {4});
  const std::string svg = found.svg();
  BOOST_TEST(svg.size() < 300'000u);
  BOOST_TEST(parsed(svg).get<double>("svg.<xmlattr>.height") < 160 * 42 + 100);
  BOOST_TEST(count(svg, " more ops, ") == 1u);
  BOOST_TEST(count(svg, ">fc0<") == 1u);
  BOOST_TEST(count(svg, ">fc999<") == 1u);
}

BOOST_AUTO_TEST_CASE(of_many_skips_keep_to_their_lanes) {
  // Each value reads all before it, as in a dense block.
  std::vector<NetworkValue> values{value("conv2d", {-1})};
  for (std::int32_t i = 1; i < 60; ++i) {
    std::vector<std::int32_t> all;
    for (std::int32_t k = 0; k < i; ++k) all.push_back(k);
    values.push_back(value("concat", all));
  }
  const std::string svg = audit_drawing({}, values);
  BOOST_TEST(parsed(svg).get<double>("svg.<xmlattr>.width") < 1000);
  BOOST_TEST(count(svg, "d=\"M-") == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
