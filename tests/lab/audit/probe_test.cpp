// What the probe confirms and what it refuses: bits where powers of two round nothing, and how far rounding goes
// elsewhere.
#include "lab/audit/probe.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <sstream>

#include "framework/nn/batch_norm.h"
#include "framework/nn/linear.h"
#include "framework/ops/activation.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/loss.h"
#include "framework/ops/reduction.h"
#include "framework/ops/shape.h"
#include "lab/audit/audit.h"
#include "tests/lab/audit/networks.h"

namespace ebb {
namespace {

using namespace test;

// Convolution, norm, a gain that may be none, convolution, norm, mean, head. The norms have this eps.
struct Gain : Net {
  explicit Gain(double epsilon, std::function<Var(const Var&)> activation, bool bias = false)
      : eps(epsilon), has_bias(bias), gain(std::move(activation)) {
    body = [this](const Var& x) { return fc(mean(relu(bn2(conv2(gain(bn1(conv1(x)))))), {1, 2})); };
  }
  const Rng rng{1};
  double eps;
  bool has_bias;
  Child<Conv2d> conv1{*this, "conv1", conv(2, 4, has_bias), rng};
  Child<BatchNorm2d> bn1{*this, "bn1", {.channels = 4, .eps = eps}};
  Child<Conv2d> conv2{*this, "conv2", conv(4, 3, has_bias), rng};
  Child<BatchNorm2d> bn2{*this, "bn2", {.channels = 3, .eps = eps}};
  Child<Linear> fc{*this, "fc", {.in = 3, .out = classes}, rng};
  std::function<Var(const Var&)> gain;
};

// f(x) times x, element by element, under the name "gain": an op that nobody knows.
std::function<Var(const Var&)> op(double (*f)(double, double), double delta) {
  return [=](const Var& x) {
    Tensor y = x.value().clone();
    if (y.dtype() == DType::f64)
      for (double& v : y.mutable_span<double>()) v *= f(v, delta);
    else
      for (float& v : y.mutable_span<float>()) v *= static_cast<float>(f(static_cast<double>(v), delta));
    return record("gain", {x}, y, [](const Tensor& dy, InputGrads& dx) { dx.add(0, dy.clone()); });
  };
}

// What the probe says when travel is told that the gain is homogeneous, so that bn1's scale and shift are a joint gain.
ProbeResult joint_gain(Net& net) {
  const Audit found = audit(net, images(), labels(), nullptr, {.travel = {{"gain", Travel::homogeneous}}});
  for (const AuditedSymmetry& s : found.symmetries)
    if (text(s.symmetry) == "bn1.scale x c, bn1.shift x c, as a whole") return s.probe.value();
  BOOST_FAIL("travel did not believe it");
  return {};
}

// The same of a claim by hand about a network of the library's own ops.
ProbeResult claimed(Net& net, const std::vector<std::string>& paths, Symmetry::Kind kind = Symmetry::Kind::scale) {
  const LossOf loss = [&](DType dtype) { return softmax_cross_entropy(net(cast(images(), dtype)), labels()); };
  const Audit found = audit(net, loss, nullptr, {.probe = false});
  Symmetry claim{.kind = kind, .parts = {}, .units = {{}}};
  for (std::size_t i = 0; i < found.network.parameters.size(); ++i)
    if (std::ranges::find(paths, found.network.parameters[i].path) != paths.end()) {
      claim.parts.push_back({.parameter = static_cast<int>(i), .path = found.network.parameters[i].path});
      claim.units[0].push_back({});
    }
  BOOST_REQUIRE(claim.parts.size() == paths.size());
  std::vector<Symmetry> known;
  for (const AuditedSymmetry& s : found.symmetries) known.push_back(s.symmetry);
  return Probe(net, loss, found.network, known).confirm(claim);
}

const std::vector<std::string> gain{"bn1.scale", "bn1.shift"};

BOOST_AUTO_TEST_SUITE(probes)

// By how much the gain of two to the minus this many is wrong, and what came of it.
using Dial = std::function<ProbeResult(double delta)>;

// The least power of a half that is refused; all larger ones are, too.
double least_refused(const Dial& dial) {
  int power = 4;
  while (power < 60 && !dial(std::ldexp(1.0, -power)).confirmed) ++power;
  return std::ldexp(1.0, 1 - power);
}

// The largest change that passes.
double largest_accepted(const Dial& dial) {
  double most = 0;
  for (int power = 4; power < 60; ++power)
    if (const ProbeResult seen = dial(std::ldexp(1.0, -power)); seen.confirmed) most = std::max(most, seen.change);
  return most;
}

// A norm's eps, of 1e-5 as usual, hides no gain that is wrong: the loss is looked at where eps is void.
BOOST_AUTO_TEST_CASE(a_gain_that_saturates_is_refused_down_to_the_last_bits) {
  for (const double eps : {0.0, 1e-5}) {
    Gain saturates(eps, [](const Var& x) { return silu(x); });
    BOOST_TEST(!claimed(saturates, gain).confirmed);
    const Dial fades = [&](double delta) {
      Gain net(eps, [delta](const Var& x) { return relu(x) + tanh(x) * delta; });
      return claimed(net, gain);
    };
    // Wrong by 2e-9, and by what is one rounding of the loss.
    const ProbeResult little = fades(0x1p-22);
    BOOST_TEST((little.change > 1e-9 && little.change < 4e-9), little.change);
    BOOST_TEST(!little.confirmed);
    const double least = least_refused(fades);
    BOOST_TEST_MESSAGE("eps " << eps << ": the least wrongness that is refused is " << least);
    BOOST_TEST(least <= 0x1p-46);
    BOOST_TEST(largest_accepted(fades) == 0);
  }
}

BOOST_AUTO_TEST_CASE(a_gain_of_an_op_of_ones_own_is_refused_down_to_its_rounding) {
  const std::pair<const char*, double (*)(double, double)> wrong[] = {
      {"felt near 0 alone", [](double v, double delta) { return 1 + delta * std::exp(-v * v); }},
      {"fading", [](double v, double delta) { return 1 + delta / (1 + std::abs(v)); }},
      {"at every scale",
       [](double v, double delta) { return v == 0 ? 1 : 1 + delta * std::sin(std::log2(std::abs(v))); }}};
  for (const auto& [what, factor] : wrong)
    for (const double eps : {0.0, 1e-5}) {
      const Dial dial = [&, f = factor](double delta) {
        Gain net(eps, op(f, delta));
        return joint_gain(net);
      };
      const double least = least_refused(dial), most = largest_accepted(dial);
      BOOST_TEST_MESSAGE(what << ", eps " << eps << ": refused from " << least << " on, accepted up to a change of "
                              << most);
      BOOST_TEST(least < 1e-10, what);
      BOOST_TEST(most <= 0x1p-46, what);
      BOOST_TEST(most > 0, what);
    }
}

BOOST_AUTO_TEST_CASE(honest_ops_that_round_are_confirmed_within_128_roundings_and_the_librarys_to_the_bit) {
  double most = 0;
  for (const double power : {1.3, 1.7, 2.9, 0.3}) {
    Gain net(
        1e-5, [power](const Var& x) { return pow(pow(relu(x) + 0.0 * x, power), 1 / power); }, true);
    const ProbeResult seen = claimed(net, gain);
    BOOST_TEST(seen.confirmed, power << ": " << seen.change);
    most = std::max(most, seen.change);
  }
  BOOST_TEST_MESSAGE("pow changes the loss by up to " << most);
  BOOST_TEST(most <= 0x1p-46 / 8);
  Gain net(
      1e-5, [](const Var& x) { return leaky_relu(x, 0.3); }, true);
  int scalings = 0;
  for (const AuditedSymmetry& s : audit(net, images(), labels()).symmetries) {
    BOOST_TEST(s.probe->confirmed, text(s.symmetry));
    if (s.symmetry.kind == Symmetry::Kind::shift) continue;
    BOOST_TEST(s.probe->exact, text(s.symmetry) << ": " << s.probe->change);
    ++scalings;
  }
  BOOST_TEST(scalings == 5);
}

// Weights with nothing else to scale between themselves and their norm.
BOOST_AUTO_TEST_CASE(what_feels_an_eps_directly_is_refused_unless_it_is_as_small_as_an_eps) {
  const auto dial_of = [](double eps, const std::function<std::function<Var(const Var&)>(double)>& gain_of) -> Dial {
    return [=](double delta) {
      Net net;
      const Rng rng(1);
      Child<Conv2d> stem{net, "stem", conv(2, 4), rng};
      Child<BatchNorm2d> bn{net, "bn", {.channels = 4, .eps = eps}};
      Child<Linear> fc{net, "fc", {.in = 4, .out = classes}, rng};
      const auto own = gain_of(delta);
      net.body = [&](const Var& x) { return fc(mean(relu(bn(own(stem(x)))), {1, 2})); };
      for (const AuditedSymmetry& s :
           audit(net, images(), labels(), nullptr, {.travel = {{"gain", Travel::homogeneous}}}).symmetries)
        if (s.symmetry.parts[0].path == "stem.weight") return s.probe.value();
      return ProbeResult{};
    };
  };
  const auto dial = [&](double eps, double (*f)(double, double)) {
    return dial_of(eps, [f](double delta) { return op(f, delta); });
  };
  const auto near_zero = [](double v, double delta) { return 1 + delta * std::exp(-v * v); };
  const auto everywhere = [](double v, double delta) {
    return v == 0 ? 1 : 1 + delta * std::sin(std::log2(std::abs(v)));
  };
  const auto by_halves = [](double v, double delta) { return 1 + delta / (1 + std::abs(v)); };
  const auto by_quarters = [](double delta) {
    return [=](const Var& x) {
      const double square = sum_squares(x.value()) / static_cast<double>(x.value().size());
      return op([](double v, double share) { return 1 + (v < 0 ? share : 0); }, delta / square)(x);
    };
  };
  const double none = least_refused(dial(0, near_zero)), some = least_refused(dial(1e-5, near_zero));
  const double persists = least_refused(dial(1e-5, everywhere)), halves = least_refused(dial(1e-5, by_halves));
  const double quarters = least_refused(dial_of(1e-5, by_quarters));
  BOOST_TEST_MESSAGE("refused from " << none << " on without eps, " << some << " with 1e-5, " << persists
                                     << " where it stays, " << halves << " where it falls by halves, " << quarters
                                     << " where it falls by quarters, as an eps does");
  BOOST_TEST(none < 1e-10);
  BOOST_TEST(persists < 1e-10);
  BOOST_TEST(some < 1e-5);
  BOOST_TEST(halves < 1e-5);
  BOOST_TEST(quarters < 0.03);
}

BOOST_AUTO_TEST_CASE(a_shift_that_the_loss_feels_is_refused) {
  Gain net(
      1e-5, [](const Var& x) { return relu(x); }, true);
  BOOST_TEST(claimed(net, {"conv1.bias"}, Symmetry::Kind::shift).confirmed);
  const ProbeResult felt = claimed(net, {"bn1.shift"}, Symmetry::Kind::shift);
  BOOST_TEST(!felt.confirmed);
  BOOST_TEST(felt.change > 1e-6, felt.change);
}

// At 2^34 times the weight an eps of this share of a variance is still felt: what cannot be tried out is not called
// confirmed, whether it is right or wrong.
BOOST_AUTO_TEST_CASE(scalings_in_front_of_a_variance_that_is_too_small_are_unconfirmed) {
  const std::string why = "a variance in front of a norm is so small that scalings beyond 2^34 would be needed";
  for (const auto& [size, tried] : {std::pair{1e-3, true}, {1e-6, false}}) {
    Gain net(1e-5, [](const Var& x) { return relu(x); });
    scale(net.conv1->weight.value(), size);
    const Audit found = audit(net, images(), labels());
    BOOST_TEST(found.problems.empty());
    int scalings = 0;
    for (const AuditedSymmetry& s : found.symmetries) {
      const bool shift = s.symmetry.kind == Symmetry::Kind::shift;
      scalings += shift ? 0 : 1;
      BOOST_TEST(s.probe->confirmed == (tried || shift), size << ' ' << text(s.symmetry));
      BOOST_TEST(s.probe->reason == (s.probe->confirmed ? "" : why));
    }
    BOOST_TEST(scalings == 5);
    std::istringstream lines(found.text());
    int said = 0;
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with("  scale") || line.starts_with("  rescale")) {
        BOOST_TEST((line.find("  unconfirmed: " + why) != std::string::npos) == !tried, line);
        ++said;
      }
    BOOST_TEST(said == scalings);
    Gain wrong(1e-5, [](const Var& x) { return silu(x); });
    scale(wrong.conv1->weight.value(), size);
    const ProbeResult seen = claimed(wrong, gain);
    BOOST_TEST(!seen.confirmed);
    BOOST_TEST(seen.reason == (tried ? "" : why));
  }
}

// A unit that is almost off and saturates: larger scales are ignored because nothing of it is seen but rounding.
BOOST_AUTO_TEST_CASE(what_moves_the_loss_by_less_than_its_rounding_is_no_symmetry) {
  Net net;
  const Rng rng(1);
  Child<Linear> fc1{net, "fc1", {.in = 50, .out = 5}, rng}, fc2{net, "fc2", {.in = 5, .out = classes}, rng};
  for (const double share : {1.0, 1e-14}) {
    const Tensor shares = Tensor::from({1.0, share, 1.0, 1.0, share}, {5});
    net.body = [&](const Var& x) { return fc2(relu6(fc1(flatten(x, 1))) * cast(shares, x.dtype())); };
    sound_audit(net);
  }
}

// f(c x) / c of a tanh goes to x as c falls: bits agree far away, not near.
BOOST_AUTO_TEST_CASE(a_rescaling_that_holds_far_away_alone_is_refused) {
  Net net;
  const Rng rng(1);
  Child<Linear> fc1{net, "fc1", {.in = 50, .out = 5}, rng}, fc2{net, "fc2", {.in = 5, .out = classes}, rng};
  for (const bool honest : {true, false}) {
    net.body = [&](const Var& x) {
      const Var y = fc1(flatten(x, 1));
      return fc2(honest ? relu(y) : op([](double v, double) { return v == 0 ? 1 : std::tanh(v) / v; }, 0)(y));
    };
    const Audit found = audit(net, images(), labels(), nullptr, {.travel = {{"gain", Travel::homogeneous}}});
    BOOST_TEST(found.problems.empty() == honest);
    for (const AuditedSymmetry& s : found.symmetries)
      if (s.symmetry.kind == Symmetry::Kind::rescale) {
        BOOST_TEST(s.probe->confirmed == honest);
        BOOST_TEST(s.probe->exact == honest);
        BOOST_TEST((honest || s.probe->change > 1e-6));
      }
  }
}

// Sums round: what is added to biases that a norm removes changes the loss by some roundings.
BOOST_AUTO_TEST_CASE(shifts_change_the_loss_by_some_roundings_alone) {
  Gain net(
      1e-5, [](const Var& x) { return relu(x); }, true);
  double most = 0;
  int shifts = 0;
  for (const AuditedSymmetry& s : audit(net, images(), labels()).symmetries)
    if (s.symmetry.kind == Symmetry::Kind::shift) most = std::max(most, s.probe->change), ++shifts;
  BOOST_TEST_MESSAGE("shifts change the loss by up to " << most);
  BOOST_TEST(shifts == 4);
  BOOST_TEST(most < 1e2 * 0x1p-53);
  // A bias that is felt by one part in 1e9.
  Net felt;
  const Rng rng(1);
  Child<Conv2d> stem{felt, "stem", conv(2, 4, true), rng};
  Child<BatchNorm2d> bn{felt, "bn", {.channels = 4}};
  Child<Linear> fc{felt, "fc", {.in = 4, .out = classes}, rng};
  felt.body = [&](const Var& x) {
    const Var y = stem(x);
    return fc(mean(relu(bn(y)) + 1e-9 * sigmoid(y), {1, 2}));
  };
  BOOST_TEST(!claimed(felt, {"stem.bias"}, Symmetry::Kind::shift).confirmed);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
