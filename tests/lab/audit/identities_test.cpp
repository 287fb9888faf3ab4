// The identities of gradients that symmetries bring, in f64, and that nothing else has them.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <stdexcept>

#include "framework/compute/basic.h"
#include "framework/nn/activations.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/linear.h"
#include "framework/nn/pooling.h"
#include "framework/nn/sequential.h"
#include "framework/ops/activation.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/loss.h"
#include "framework/ops/reduction.h"
#include "lab/audit/audit.h"
#include "lab/audit/in_f64.h"
#include "models/registry.h"
#include "tests/support/instrumented.h"

namespace ebb::identities_test {
namespace {

constexpr double u = 0x1p-53;

Tensor numbers(const Shape& shape, std::uint64_t seed) {
  Tensor out(shape, DType::f64);
  fill_normal(out, Rng(seed), 0, 1);
  return out;
}

const Tensor labels = Tensor::from<std::int64_t>({0, 1, 2, 3}, {4});

// Parameters that are no special numbers, and their gradients.
struct Pass {
  Pass(Layer& model, const Tensor& x) : f64(model), net(model) {
    std::uint64_t seed = 50;
    for (const NamedParameter& p : net.named_parameters()) {
      const Tensor noise = numbers(p.parameter->shape(), seed++);
      axpy(0.3, noise, p.parameter->value());
    }
    Tape tape;
    const Var loss = softmax_cross_entropy(net(x), labels);
    tape.backward(loss);
  }
  Parameter& of(const std::string& path) const {
    for (const NamedParameter& p : net.named_parameters())
      if (p.path == path) return *p.parameter;
    throw std::runtime_error("no " + path);
  }
  InF64 f64;
  Layer& net;
};

// What channels of a part have of sum w g and of sum |w g|; every channel when the list is empty.
struct Sums {
  double wg = 0, terms = 0, g = 0, g_terms = 0;
};
Sums sums(const Pass& pass, const Symmetry::Part& part, const std::vector<std::int64_t>& channels) {
  const Parameter& p = pass.of(part.path);
  const Shape& shape = p.shape();
  const std::int64_t columns = shape.rank() == 0 ? 1 : shape[-1], rows = shape.rank() < 2 ? 1 : shape[-2];
  Sums out;
  for (std::int64_t i = 0; i < shape.size(); ++i) {
    const std::int64_t c = part.rows ? i / columns % rows : i % columns;
    if (!channels.empty() && std::ranges::find(channels, c) == channels.end()) continue;
    const double w = p.value().data<double>()[i], g = p.grad().data<double>()[i];
    out.wg += w * g;
    out.terms += std::abs(w * g);
    out.g += g;
    out.g_terms += std::abs(g);
  }
  return out;
}

Shape image_of(const std::string& model) { return model == "resnet-8" ? Shape{32, 32, 3} : Shape{28, 28, 1}; }

// The model of that name; an mlp with few hidden units.
std::unique_ptr<Layer> small_model(const std::string& model) {
  ModelOptions options{.image = image_of(model), .classes = 4};
  if (model == "mlp") options.hidden = {16, 12};
  return make_model(model, options, Rng(1));
}

BOOST_AUTO_TEST_SUITE(gradient_identities)

// <W_k, g_k> = eps / (s2_k + eps) gamma_k dL/dgamma_k, for a channel of a convolution in front of a batch norm.
BOOST_AUTO_TEST_CASE(of_a_batch_norm_with_its_eps) {
  constexpr double eps = 1e-2;
  Sequential net{Rng(1)};
  net.add<Conv2d>("conv", {.in = 2, .out = 5, .bias = false});
  net.add<BatchNorm2d>("bn", {.channels = 5, .eps = eps});
  net.add<ReLU>("relu");
  net.add<GlobalAvgPool2d>("pool");
  net.add<Linear>("fc", {.in = 5, .out = 4});
  const Tensor x = numbers({4, 6, 6, 2}, 9);
  const Pass pass(net, x);
  auto* const conv = dynamic_cast<Layer*>(net.named_modules()[1].module);
  BOOST_REQUIRE(conv != nullptr);
  const Tensor out = (*conv)(x).value();
  const Parameter &w = pass.of("conv.weight"), &gamma = pass.of("bn.scale");
  for (std::int64_t k = 0; k < 5; ++k) {
    double sum = 0, squares = 0, wg = 0, ww = 0, gg = 0;
    const std::int64_t rows = out.size() / 5;
    for (std::int64_t i = 0; i < rows; ++i) sum += out.data<double>()[i * 5 + k];
    for (std::int64_t i = 0; i < rows; ++i)
      squares += std::pow(out.data<double>()[i * 5 + k] - sum / static_cast<double>(rows), 2);
    for (std::int64_t i = k; i < w.shape().size(); i += 5) {
      const double a = w.value().data<double>()[i], b = w.grad().data<double>()[i];
      wg += a * b;
      ww += a * a;
      gg += b * b;
    }
    const double s2 = squares / static_cast<double>(rows), size = std::sqrt(ww * gg);
    const double wanted = eps / (s2 + eps) * gamma.value().data<double>()[k] * gamma.grad().data<double>()[k];
    BOOST_TEST(std::abs(wg - wanted) < 1e-10 * size);
    BOOST_TEST(std::abs(wanted) > 1e-7 * size);  // what a test without the eps would miss
  }
}

// What eps leaves of the scale of what a batch norm sees: eps / (s2_k + eps) gamma_k dL/dgamma_k of a channel.
std::vector<double> felt_by_eps(const Tensor& in, const Pass& pass, const std::string& norm, double eps) {
  const Parameter& gamma = pass.of(norm + ".scale");
  const std::int64_t width = gamma.shape()[0], rows = in.size() / width;
  std::vector<double> out;
  for (std::int64_t k = 0; k < width; ++k) {
    double sum = 0, squares = 0;
    for (std::int64_t i = 0; i < rows; ++i) sum += in.data<double>()[i * width + k];
    for (std::int64_t i = 0; i < rows; ++i)
      squares += std::pow(in.data<double>()[i * width + k] - sum / static_cast<double>(rows), 2);
    out.push_back(eps / (squares / static_cast<double>(rows) + eps) * gamma.value().data<double>()[k] *
                  gamma.grad().data<double>()[k]);
  }
  return out;
}

// <gamma, g> + <beta, g> of a whole layer in front of ReLU, a convolution with a bias and a norm is what that norm's
// eps leaves; neither half of it is, and no channel of its own is.
BOOST_AUTO_TEST_CASE(of_a_joint_gain_over_its_layer) {
  constexpr double eps = 1e-2;
  Sequential net{Rng(1)};
  net.add<Conv2d>("conv1", {.in = 2, .out = 5, .bias = false});
  net.add<BatchNorm2d>("bn1", {.channels = 5, .eps = eps});
  net.add<ReLU>("relu1");
  net.add<Conv2d>("conv2", {.in = 5, .out = 4});
  net.add<BatchNorm2d>("bn2", {.channels = 4, .eps = eps});
  net.add<ReLU>("relu2");
  net.add<GlobalAvgPool2d>("pool");
  net.add<Linear>("fc", {.in = 4, .out = 4});
  const Tensor x = numbers({4, 8, 8, 2}, 9);
  const Audit found = audit(net, cast(x, DType::f32), labels, nullptr, {.probe = false});
  BOOST_TEST(std::ranges::any_of(found.symmetries, [](const AuditedSymmetry& s) {
    return text(s.symmetry) == "bn1.scale x c, bn1.shift x c, as a whole";
  }));
  const Pass pass(net, x);
  Var y = x;
  for (const char* const layer : {"conv1", "bn1", "relu1", "conv2"})
    for (const NamedModule& m : net.named_modules())
      if (m.path == layer) y = (*dynamic_cast<Layer*>(m.module))(y);
  double wanted = 0;
  for (const double of_channel : felt_by_eps(y.value(), pass, "bn2", eps)) wanted += of_channel;
  const Sums scale = sums(pass, {.path = "bn1.scale"}, {}), shift = sums(pass, {.path = "bn1.shift"}, {});
  const double size = scale.terms + shift.terms;
  BOOST_TEST(std::abs(scale.wg + shift.wg - wanted) < 1e-10 * size);
  BOOST_TEST(std::abs(wanted) > 1e-7 * size);
  BOOST_TEST(std::abs(scale.wg - wanted) > 1e-7 * size);
  for (std::int64_t k = 0; k < 5; ++k) {
    const double channel = sums(pass, {.path = "bn1.scale"}, {k}).wg + sums(pass, {.path = "bn1.shift"}, {k}).wg;
    BOOST_TEST(std::abs(channel) > 1e-7 * size);
  }
}

// Two convolutions whose sum a norm sees are invariant together, channel by channel.
BOOST_AUTO_TEST_CASE(of_all_weights_that_feed_a_norm_together) {
  constexpr double eps = 1e-2;
  struct Branches : Layer {
    Var forward(const Var& x) override { return fc(mean(relu(bn(seen(x))), {1, 2})); }
    Var seen(const Var& x) { return left(x) + right(x); }
    Child<Conv2d> left{*this, "left", {.in = 2, .out = 5, .bias = false}, Rng(1)};
    Child<Conv2d> right{*this, "right", {.in = 2, .out = 5, .bias = false}, Rng(2)};
    Child<BatchNorm2d> bn{*this, "bn", {.channels = 5, .eps = eps}};
    Child<Linear> fc{*this, "fc", {.in = 5, .out = 4}, Rng(3)};
  } net;
  const Tensor x = numbers({4, 6, 6, 2}, 9);
  const Pass pass(net, x);
  const std::vector<double> wanted = felt_by_eps(net.seen(x).value(), pass, "bn", eps);
  for (std::int64_t k = 0; k < 5; ++k) {
    const Sums left = sums(pass, {.path = "left.weight"}, {k}), right = sums(pass, {.path = "right.weight"}, {k});
    const double size = left.terms + right.terms, want = wanted[static_cast<std::size_t>(k)];
    BOOST_TEST(std::abs(left.wg + right.wg - want) < 1e-10 * size);
    BOOST_TEST(std::abs(want) > 1e-7 * size);
    BOOST_TEST(std::abs(left.wg - want) > 1e-7 * size);
  }
}

BOOST_AUTO_TEST_CASE(of_shifts_and_rescalings_that_the_audit_finds) {
  int shifts = 0, rescalings = 0;
  for (const std::string model : {"mlp", "lenet", "resnet-8"}) {
    const Shape image = image_of(model);
    const std::unique_ptr<Layer> net = small_model(model);
    const Tensor x = numbers(image.insert(0, 4), 3);
    const Audit found = audit(*net, cast(x, DType::f32), labels, nullptr, {.probe = false});
    const Pass pass(*net, x);
    for (const AuditedSymmetry& s : found.symmetries) {
      if (s.symmetry.kind == Symmetry::Kind::scale) continue;
      const bool shift = s.symmetry.kind == Symmetry::Kind::shift;
      if (!shift && model == "resnet-8") continue;  // norms have an eps
      for (const Symmetry::Unit& unit : s.symmetry.units) {
        double value = 0, terms = 0;
        for (std::size_t i = 0; i < s.symmetry.parts.size(); ++i) {
          const Sums part = sums(pass, s.symmetry.parts[i], unit[i]);
          value += shift ? part.g : s.symmetry.parts[i].power * part.wg;
          terms += shift ? part.g_terms : part.terms;
        }
        BOOST_TEST(std::abs(value) <= (shift ? 1e2 * u : 1e-12) * terms,
                   model << ": " << text(s.symmetry) << ": " << value);
        ++(shift ? shifts : rescalings);
      }
    }
    // One side alone has a sum of its own.
    const Sums head = sums(pass, {.path = found.rows.back().path}, {0});
    BOOST_TEST(std::abs(head.g) > 1e-6 * head.g_terms);
  }
  BOOST_TEST(shifts >= 6);
  BOOST_TEST(rescalings >= 100);
}

// What no symmetry scales changes the loss when it is scaled by 2, and when by 4.
BOOST_AUTO_TEST_CASE(not_of_parameters_that_matter) {
  int tried = 0;
  for (const std::string model : {"mlp", "lenet", "mnistcnn", "resnet-8"}) {
    if (test::instrumented && model == "mnistcnn") continue;  // as much work as the others together, many times over
    const Shape image = image_of(model);
    const std::unique_ptr<Layer> net = small_model(model);
    const Tensor x = numbers(image.insert(0, 4), 3);
    const Audit found = audit(*net, cast(x, DType::f32), labels, nullptr, {.probe = false});
    const Pass pass(*net, x);
    const auto loss = [&] {
      pass.f64.reset_buffers();
      return softmax_cross_entropy((*net)(x), labels).item();
    };
    const double from = loss();
    for (const AuditRow& row : found.rows) {
      const bool alone = std::ranges::any_of(found.symmetries, [&](const AuditedSymmetry& s) {
        return s.symmetry.kind != Symmetry::Kind::rescale && s.symmetry.parts.size() == 1 &&
               s.symmetry.parts[0].path == row.path;
      });
      if (row.position == Position::feeds_norm || (alone && row.position == Position::cancelled)) continue;
      Tensor& w = pass.of(row.path).value();
      const Tensor kept = w.clone();
      for (const double factor : {2.0, 4.0}) {
        w = kept.clone();
        axpy(factor - 1, kept, w);
        BOOST_TEST(std::abs(loss() - from) > 1e-6 * std::abs(from), model << ": " << row.path << " x " << factor);
      }
      w = kept;
      ++tried;
    }
  }
  BOOST_TEST_MESSAGE(tried << " tried");
  BOOST_TEST(tried > (test::instrumented ? 20 : 30));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::identities_test
