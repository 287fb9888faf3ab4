// Rescalings of units in networks made to mislead: answers by hand, and a count by gradients that knows nothing of
// graphs.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include "framework/nn/batch_norm.h"
#include "framework/nn/dropout.h"
#include "framework/nn/linear.h"
#include "framework/ops/activation.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/loss.h"
#include "framework/ops/pooling.h"
#include "framework/ops/reduction.h"
#include "framework/ops/shape.h"
#include "lab/audit/audit.h"
#include "lab/audit/in_f64.h"
#include "tests/lab/audit/networks.h"

namespace ebb {
namespace {

using namespace test;

using Rows = std::vector<std::vector<double>>;

// The rank of a matrix, by elimination with full pivoting. Its rows have length 1.
std::size_t rank(Rows a) {
  for (std::vector<double>& row : a) {
    double length = 0;
    for (const double v : row) length += v * v;
    for (double& v : row) v /= std::max(std::sqrt(length), 1e-300);
  }
  std::size_t done = 0;
  for (; done < a.size() && done < a[0].size(); ++done) {
    std::size_t best_row = done, best = done;
    for (std::size_t i = done; i < a.size(); ++i)
      for (std::size_t j = done; j < a[0].size(); ++j)
        if (std::abs(a[i][j]) > std::abs(a[best_row][best])) best_row = i, best = j;
    if (std::abs(a[best_row][best]) < 1e-9) break;
    std::swap(a[done], a[best_row]);
    for (std::vector<double>& row : a) std::swap(row[done], row[best]);
    for (std::size_t i = done + 1; i < a.size(); ++i) {
      const double factor = a[i][done] / a[done][done];
      for (std::size_t j = done; j < a[0].size(); ++j) a[i][j] -= factor * a[done][j];
    }
  }
  return done;
}

// An unknown for the logarithm of the factor of every column of a parameter, and of every row of a matrix.
struct Unknowns {
  explicit Unknowns(const std::vector<NamedParameter>& parameters) {
    for (const NamedParameter& p : parameters) {
      const Shape& shape = p.parameter->shape();
      columns.push_back(shape.rank() == 0 ? 1 : shape[-1]);
      rows.push_back(shape.rank() < 2 ? 0 : shape[-2]);
      first.push_back(count);
      count += static_cast<std::size_t>(columns.back() + rows.back());
    }
  }
  std::size_t place(std::size_t p, std::int64_t channel, bool row) const {
    return first[p] + static_cast<std::size_t>(row ? columns[p] + channel : channel);
  }
  std::vector<std::int64_t> columns, rows;
  std::vector<std::size_t> first;
  std::size_t count = 0;
};

// What the loss feels of each unknown, to first order, at points and on pictures drawn at random.
Rows felt(Net& net, const Unknowns& unknowns) {
  const InF64 f64(net);
  const std::vector<NamedParameter> parameters = net.named_parameters();
  Rows out;
  for (std::uint64_t draw = 0; draw < unknowns.count + 8; ++draw) {
    const Rng rng = Rng(77).at(draw);
    for (std::size_t p = 0; p < parameters.size(); ++p)
      fill_normal(parameters[p].parameter->value(), rng.at(p), 0, 0.7);
    Tensor x({samples, 5, 5, 2}, DType::f64);
    fill_normal(x, rng.at(1000), 0, 1);
    {
      Tape tape;
      tape.backward(softmax_cross_entropy(net(x), labels()));
    }
    std::vector<double>& row = out.emplace_back(unknowns.count, 0.0);
    for (std::size_t p = 0; p < parameters.size(); ++p) {
      const Tensor w = parameters[p].parameter->value(), g = parameters[p].parameter->grad();
      for (std::int64_t i = 0; g.defined() && i < w.size(); ++i) {
        const double term = w.data<double>()[i] * g.data<double>()[i];
        row[unknowns.place(p, i % unknowns.columns[p], false)] += term;
        if (unknowns.rows[p] > 0) row[unknowns.place(p, i / unknowns.columns[p] % unknowns.rows[p], true)] += term;
      }
      parameters[p].parameter->zero_grad();
    }
  }
  return out;
}

// A row for each unit of a scaling or rescaling, and for what changes nothing: all columns x c, all rows / c.
Rows found_units(const Audit& audit, const Unknowns& unknowns) {
  Rows out;
  for (std::size_t p = 0; p < unknowns.rows.size(); ++p) {
    if (unknowns.rows[p] == 0) continue;
    std::vector<double>& row = out.emplace_back(unknowns.count, 0.0);
    for (std::int64_t c = 0; c < unknowns.columns[p]; ++c) row[unknowns.place(p, c, false)] = 1;
    for (std::int64_t c = 0; c < unknowns.rows[p]; ++c) row[unknowns.place(p, c, true)] = -1;
  }
  for (const AuditedSymmetry& s : audit.symmetries) {
    if (s.symmetry.kind == Symmetry::Kind::shift) continue;
    for (const Symmetry::Unit& unit : s.symmetry.units) {
      std::vector<double>& row = out.emplace_back(unknowns.count, 0.0);
      for (std::size_t i = 0; i < unit.size(); ++i) {
        const Symmetry::Part& part = s.symmetry.parts[i];
        const auto p = static_cast<std::size_t>(part.parameter);
        const std::int64_t all = part.rows ? unknowns.rows[p] : unknowns.columns[p];
        for (std::int64_t c = 0; c < all; ++c)
          if (unit[i].empty() || std::ranges::find(unit[i], c) != unit[i].end())
            row[unknowns.place(p, c, part.rows)] += part.power;
      }
    }
  }
  return out;
}

// The audit, which must have found all that gradients know of, and nothing else.
Audit complete_audit(Net& net) {
  Audit found = sound_audit(net);
  const Unknowns unknowns(net.named_parameters());
  const Rows gradients = felt(net, unknowns), units = found_units(found, unknowns);
  BOOST_TEST(rank(units) == unknowns.count - rank(gradients), "missed or invented: " << found.text());
  double worst = 0;
  for (const std::vector<double>& unit : units)
    for (const std::vector<double>& row : gradients) {
      double along = 0, size = 0;
      for (std::size_t i = 0; i < row.size(); ++i) along += unit[i] * row[i], size = std::max(size, std::abs(row[i]));
      worst = std::max(worst, std::abs(along) / size);
    }
  BOOST_TEST(worst <= 1e-9, "invented: " << found.text());
  return found;
}

std::string rescalings(Net& net) { return symmetries(complete_audit(net), true); }

struct Convolutions : Net {
  const Rng rng{1};
  Child<Conv2d> conv1{*this, "conv1", conv(2, 4, true), rng}, conv2{*this, "conv2", conv(4, 3, true), rng};
  Child<Linear> fc{*this, "fc", {.in = 3, .out = classes}, rng};
};

const std::string both =
    "conv1.weight x c, conv1.bias x c, conv2.weight rows / c, by channel (4)\n"
    "conv2.weight x c, conv2.bias x c, fc.weight rows / c, by channel (3)\n";

BOOST_AUTO_TEST_SUITE(rescalings_of_units)

BOOST_AUTO_TEST_CASE(through_what_is_homogeneous) {
  Convolutions net;
  const std::pair<const char*, std::function<Var(const Var&)>> between[] = {
      {"relu", [](const Var& x) { return relu(x); }},
      {"leaky relu", [](const Var& x) { return leaky_relu(x, 0.2); }},
      {"a size", [](const Var& x) { return abs(x); }},
      {"max pooling",
       [](const Var& x) {
         return max_pool2d(relu(x), {.kernel = {2, 2}});
       }},
      {"average pooling",
       [](const Var& x) {
         return avg_pool2d(relu(x), {.kernel = {2, 2}});
       }},
      {"a slope written out", [](const Var& x) { return relu(x) + 0.25 * (x - relu(x)); }},
      {"a number", [](const Var& x) { return relu(x * 3.0) / 7; }},
      {"a row that is dropped", [](const Var& x) { return relu(slice(x, 1, 0, 4)); }}};
  for (const auto& [what, made_of] : between) BOOST_TEST_CONTEXT(what) {
      net.body = [&, op = made_of](const Var& x) { return net.fc(mean(op(net.conv2(op(net.conv1(x)))), {1, 2})); };
      BOOST_TEST(rescalings(net) == both);
    }
}

BOOST_AUTO_TEST_CASE(not_through_what_is_not) {
  Convolutions net;
  const std::pair<const char*, std::function<Var(const Var&)>> between[] = {
      {"sigmoid", [](const Var& x) { return sigmoid(x); }},    {"tanh", [](const Var& x) { return tanh(x); }},
      {"gelu", [](const Var& x) { return gelu(x); }},          {"silu", [](const Var& x) { return silu(x); }},
      {"softplus", [](const Var& x) { return softplus(x); }},  {"elu", [](const Var& x) { return elu(x); }},
      {"relu6", [](const Var& x) { return relu6(x); }},        {"1 added", [](const Var& x) { return relu(x) + 1.0; }},
      {"a square", [](const Var& x) { return square(x) + x; }}};
  for (const auto& [what, made_of] : between) BOOST_TEST_CONTEXT(what) {
      net.body = [&, op = made_of](const Var& x) { return net.fc(mean(op(net.conv2(op(net.conv1(x)))), {1, 2})); };
      BOOST_TEST(rescalings(net).empty());
    }
}

BOOST_AUTO_TEST_CASE(through_dropout) {
  Convolutions net;
  Child<Dropout> drop{net, "drop", {.p = 0.4}, Rng(3)};
  net.body = [&](const Var& x) { return net.fc(mean(relu(net.conv2(drop(relu(net.conv1(x))))), {1, 2})); };
  BOOST_TEST(rescalings(net) == both);
}

BOOST_AUTO_TEST_CASE(through_flatten_into_all_rows_of_a_channel) {
  Net net;
  const Rng rng(1);
  Child<Conv2d> stem{net, "stem", conv(2, 3, true), rng};
  Child<Linear> fc{net, "fc", {.in = 12, .out = classes}, rng};
  net.body = [&](const Var& x) { return fc(flatten(max_pool2d(relu(stem(x)), {.kernel = {2, 2}}), 1)); };
  const Audit found = complete_audit(net);
  const auto s = std::ranges::find(found.symmetries, Symmetry::Kind::rescale,
                                   [](const AuditedSymmetry& one) { return one.symmetry.kind; });
  BOOST_REQUIRE((s != found.symmetries.end()));
  BOOST_REQUIRE(s->symmetry.units.size() == 3u);
  const Symmetry::Unit wanted{{1}, {1}, {1, 4, 7, 10}};
  BOOST_TEST((s->symmetry.units[1] == wanted));
}

// What enters a stream with skips and what reads it are rescaled together; inside of a branch units are free.
BOOST_AUTO_TEST_CASE(across_a_residual_branch) {
  Net net;
  const Rng rng(1);
  Child<Conv2d> stem{net, "stem", conv(2, 3, true), rng}, in{net, "in", conv(3, 4, true), rng},
      out{net, "out", conv(4, 3, true), rng};
  Child<Linear> fc{net, "fc", {.in = 3, .out = classes}, rng};
  net.body = [&](const Var& x) {
    const Var stream = relu(stem(x));
    return fc(mean(relu(stream + out(relu(in(stream)))), {1, 2}));
  };
  BOOST_TEST(rescalings(net) ==
             "stem.weight x c, stem.bias x c, in.weight rows / c, out.weight x c, out.bias x c, fc.weight rows / c, by "
             "channel (3)\n"
             "in.weight x c, in.bias x c, out.weight rows / c, by channel (4)\n");
  // The pictures themselves are in the sum: nothing of the stream is free.
  Net raw;
  Child<Conv2d> first{raw, "first", conv(2, 4, true), rng}, last{raw, "last", conv(4, 2, true), rng};
  Child<Linear> head{raw, "head", {.in = 2, .out = classes}, rng};
  raw.body = [&](const Var& x) { return head(mean(relu(x + last(relu(first(x)))), {1, 2})); };
  BOOST_TEST(rescalings(raw) == "first.weight x c, first.bias x c, last.weight rows / c, by channel (4)\n");
}

BOOST_AUTO_TEST_CASE(of_branches_that_are_joined_or_taken_apart) {
  Net net;
  const Rng rng(1);
  Child<Conv2d> left{net, "left", conv(2, 2, true), rng}, right{net, "right", conv(2, 3), rng};
  Child<Linear> fc{net, "fc", {.in = 5, .out = classes}, rng};
  net.body = [&](const Var& x) {
    return fc(mean(concat(std::vector<Var>{relu(left(x)), relu(right(x))}, -1), {1, 2}));
  };
  BOOST_TEST(rescalings(net) ==
             "left.weight x c, left.bias x c, fc.weight rows / c, by channel (2)\n"
             "right.weight x c, fc.weight rows / c, by channel (3)\n");
  Net apart;
  Child<Conv2d> stem{apart, "stem", conv(2, 4, true), rng};
  Child<Linear> one{apart, "one", {.in = 2, .out = classes}, rng}, two{apart, "two", {.in = 2, .out = classes}, rng};
  apart.body = [&](const Var& x) {
    const Var y = mean(relu(stem(x)), {1, 2});
    return one(slice(y, 1, 0, 2)) + two(slice(y, 1, 2, 4));
  };
  BOOST_TEST(rescalings(apart) ==
             "stem.weight x c, stem.bias x c, one.weight rows / c, by channel (2)\n"
             "stem.weight x c, stem.bias x c, two.weight rows / c, by channel (2)\n");
}

BOOST_AUTO_TEST_CASE(of_gates_that_are_products) {
  Net net;
  const Rng rng(1);
  Child<Linear> value{net, "value", {.in = 50, .out = 4}, rng}, gate{net, "gate", {.in = 50, .out = 4}, rng};
  Child<Linear> fc{net, "fc", {.in = 4, .out = classes}, rng};
  net.body = [&](const Var& x) {
    const Var flat = flatten(x, 1);
    return fc(value(flat) * relu(gate(flat)));
  };
  const Audit found = complete_audit(net);
  int units = 0;
  for (const AuditedSymmetry& s : found.symmetries)
    if (s.symmetry.kind == Symmetry::Kind::rescale) units += static_cast<int>(s.symmetry.units.size());
  BOOST_TEST(units == 8);
}

BOOST_AUTO_TEST_CASE(not_of_a_weight_that_is_used_twice) {
  Net net;
  const Rng rng(1);
  Child<Linear> in{net, "in", {.in = 50, .out = 4}, rng}, shared{net, "shared", {.in = 4, .out = 4}, rng};
  Child<Linear> fc{net, "fc", {.in = 4, .out = classes}, rng};
  net.body = [&](const Var& x) { return fc(relu(shared(relu(shared(relu(in(flatten(x, 1)))))))); };
  complete_audit(net);
}

BOOST_AUTO_TEST_CASE(through_a_depthwise_convolution_to_it_and_behind_it) {
  Net net;
  const Rng rng(1);
  Child<Conv2d> in{net, "in", conv(2, 4, true), rng};
  Child<Conv2d> depthwise{net, "depthwise", {.in = 4, .out = 4, .padding = {1, 1}, .groups = 4}, rng};
  Child<Linear> fc{net, "fc", {.in = 4, .out = classes}, rng};
  net.body = [&](const Var& x) { return fc(mean(relu(depthwise(relu(in(x)))), {1, 2})); };
  complete_audit(net);
}

BOOST_AUTO_TEST_CASE(beside_norms) {
  Net net;
  const Rng rng(1);
  Child<Conv2d> conv1{net, "conv1", conv(2, 4), rng}, conv2{net, "conv2", conv(4, 3, true), rng};
  Child<BatchNorm2d> bn{net, "bn", {.channels = 4, .eps = 0}};
  Child<Linear> fc{net, "fc", {.in = 3, .out = classes}, rng};
  net.body = [&](const Var& x) { return fc(mean(relu(conv2(relu(bn(conv1(x))))), {1, 2})); };
  BOOST_TEST(rescalings(net) ==
             "conv2.weight x c, conv2.bias x c, fc.weight rows / c, by channel (3)\n"
             "conv2.weight rows / c, bn.scale x c, bn.shift x c, by channel (4)\n");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
