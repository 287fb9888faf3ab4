// Kernels of the elementwise families on every instruction set: the same number gives the same bits at any position,
// nothing behind the end is touched, and outputs may equal inputs.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <vector>

#include "tests/support/tensors.h"

namespace ebb {
namespace {

constexpr int guard = 8;  // numbers behind the end that must stay

template <class T>
std::vector<T> inputs(int n, double low = 0.1, double high = 2) {
  std::vector<T> out(static_cast<std::size_t>(n));
  const Rng rng(11);
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<T>((i % 3 == 0 ? -1 : 1) * (low + (high - low) * rng.uniform(i)));
  return out;
}

// Calls run(first, count, y) for arrays of every length and compares with runs of one number each.
template <class T, class Run>
bool positions_agree(const Run& run) {
  constexpr int most = 70;
  std::vector<T> alone(most);
  for (int i = 0; i < most; ++i) run(i, 1, &alone[static_cast<std::size_t>(i)]);
  for (int n = 0; n <= most; ++n)
    for (const int first : {0, 1, 5}) {
      if (first + n > most) continue;
      std::vector<T> y(static_cast<std::size_t>(n + guard), T(77));
      run(first, n, y.data());
      if (std::memcmp(y.data(), alone.data() + first, static_cast<std::size_t>(n) * sizeof(T)) != 0) return false;
      for (std::size_t i = static_cast<std::size_t>(n); i < y.size(); ++i)
        if (y[i] != T(77)) return false;
    }
  return true;
}

template <class T>
void check_activations() {
  using Family = kernels::Activation<T>;
  using Member = kernels::Unary<T> Family::*;
  const std::vector<std::pair<const char*, Member>> all{
      {"relu", &Family::relu},  {"relu6", &Family::relu6},       {"leaky_relu", &Family::leaky_relu},
      {"elu", &Family::elu},    {"gelu", &Family::gelu},         {"gelu_tanh", &Family::gelu_tanh},
      {"silu", &Family::silu},  {"softplus", &Family::softplus}, {"sigmoid", &Family::sigmoid},
      {"tanh", &Family::tanh},  {"exp", &Family::exp},           {"log", &Family::log},
      {"sqrt", &Family::sqrt},  {"square", &Family::square},     {"abs", &Family::abs},
      {"clamp", &Family::clamp}};
  const std::vector<T> signed_x = inputs<T>(70);
  const std::vector<T> dy = inputs<T>(70, 0.5, 1);
  for (const auto& [name, member] : all) {
    std::vector<T> x = signed_x;
    if (member == &Family::log || member == &Family::sqrt)
      for (T& v : x) v = std::abs(v);
    const kernels::Unary<T> f = kernels_of<T>().activation.*member;
    BOOST_TEST(positions_agree<T>([&](int first, int n, T* y) { f.forward(&x[0] + first, y, n, T(0.3), T(0.9)); }),
               name);
    BOOST_TEST(positions_agree<T>(
                   [&](int first, int n, T* y) { f.backward(&x[0] + first, &dy[0] + first, y, n, T(0.3), T(0.9)); }),
               name << " backward");
    std::vector<T> apart(x.size());
    std::vector<T> in_place = x;
    f.forward(x.data(), apart.data(), 70, T(0.3), T(0.9));
    f.forward(in_place.data(), in_place.data(), 70, T(0.3), T(0.9));
    BOOST_TEST(std::memcmp(apart.data(), in_place.data(), 70 * sizeof(T)) == 0, name << " in place");
  }
  BOOST_TEST(positions_agree<T>([&](int first, int n, T* y) {
    kernels_of<T>().activation.exp_shifted(T(2), T(0.5), &signed_x[0] + first, y, n);
  }));
}

template <class T>
void check_arithmetic() {
  const kernels::Elementwise<T>& k = kernels_of<T>().elementwise;
  const std::vector<T> a = inputs<T>(70);
  const std::vector<T> b = inputs<T>(70, 0.5, 3);
  for (const auto f : {k.add, k.sub, k.mul, k.div, k.add_relu})
    BOOST_TEST(positions_agree<T>([&](int first, int n, T* y) { f(&a[0] + first, &b[0] + first, y, n); }));
  for (const auto f : {k.scale, k.shift})
    BOOST_TEST(positions_agree<T>([&](int first, int n, T* y) { f(T(0.7), &a[0] + first, y, n); }));
  BOOST_TEST(positions_agree<T>([&](int first, int n, T* y) {
    std::copy_n(b.begin() + first, n, y);
    k.axpy(T(0.7), &a[0] + first, y, n);
  }));
  std::vector<std::uint8_t> flags(70);
  for (std::size_t i = 0; i < flags.size(); ++i) flags[i] = static_cast<std::uint8_t>(i % 3 * 100);
  BOOST_TEST(positions_agree<T>(
      [&](int first, int n, T* y) { k.select(&flags[0] + first, &a[0] + first, &b[0] + first, y, n); }));
}

// Every layout of rows against plain loops: exact, since one operation is rounded once.
template <class T>
void check_rows() {
  const kernels::Broadcast<T>& k = kernels_of<T>().broadcast;
  const std::vector<T> a = inputs<T>(9000);
  const std::vector<T> b = inputs<T>(9000, 0.5, 3);
  struct Layout {
    std::int64_t row_stride;  // -1: the width
    std::int64_t stride;
  };
  int wrong = 0;
  for (const std::int64_t width : {1, 2, 3, 5, 8, 16, 17, 33, 63, 64, 65, 100})
    for (const std::int64_t rows : {1, 2, 7, 50})
      for (const Layout& p : {Layout{-1, 1}, Layout{0, 1}, Layout{1, 0}, Layout{0, 0}, Layout{107, 1}})
        for (const Layout& q : {Layout{-1, 1}, Layout{0, 1}, Layout{1, 0}, Layout{0, 0}}) {
          const kernels::Rows<T> u{a.data(), p.row_stride < 0 ? width : p.row_stride, p.stride};
          const kernels::Rows<T> v{b.data(), q.row_stride < 0 ? width : q.row_stride, q.stride};
          std::vector<T> y(static_cast<std::size_t>(rows * width + guard), T(77));
          const auto compare = [&](auto kernel, auto f) {
            kernel(u, v, y.data(), rows, width);
            for (std::int64_t i = 0; i < rows * width; ++i) {
              const T x = u.data[i / width * u.row_stride + i % width * u.stride];
              const T z = v.data[i / width * v.row_stride + i % width * v.stride];
              if (y[static_cast<std::size_t>(i)] != f(x, z)) ++wrong;
            }
            for (std::size_t i = static_cast<std::size_t>(rows * width); i < y.size(); ++i)
              if (y[i] != T(77)) ++wrong;
          };
          compare(k.add, [](T x, T z) { return x + z; });
          compare(k.sub, [](T x, T z) { return x - z; });
          compare(k.mul, [](T x, T z) { return x * z; });
          compare(k.div, [](T x, T z) { return x / z; });
        }
  BOOST_TEST(wrong == 0);
}

template <class T>
void check_column_sums() {
  const std::vector<T> x = inputs<T>(60000);
  for (const std::int64_t width : {1, 2, 3, 5, 8, 17, 63, 64, 65, 300})
    for (const std::int64_t rows : {0, 1, 2, 7, 8, 9, 16, 64, 150})
      for (const std::int64_t extra : {0, 4}) {
        std::vector<double> got(static_cast<std::size_t>(width + guard), 77.0);
        kernels_of<T>().broadcast.sum_rows(x.data(), rows, width + extra, width, got.data());
        double worst = 0;
        for (std::int64_t i = 0; i < width; ++i) {
          long double want = 0;
          for (std::int64_t r = 0; r < rows; ++r)
            want += static_cast<long double>(x[static_cast<std::size_t>(r * (width + extra) + i)]);
          worst = std::max(
              worst, static_cast<double>(std::abs(want - static_cast<long double>(got[static_cast<std::size_t>(i)]))));
        }
        const double eps = static_cast<double>(std::numeric_limits<T>::epsilon());
        BOOST_TEST(worst <= 2 * eps * static_cast<double>(rows), rows << " x " << width);
        BOOST_TEST(got[static_cast<std::size_t>(width)] == 77.0);
      }
}

BOOST_AUTO_TEST_SUITE(elementwise_kernels)

BOOST_AUTO_TEST_CASE(activations_at_every_position) {
  for (const std::string& name : instruction_sets()) {
    const test::InstructionSet use(name);
    BOOST_TEST_CONTEXT(name) {
      check_activations<float>();
      check_activations<double>();
    }
  }
}

BOOST_AUTO_TEST_CASE(arithmetic_at_every_position) {
  for (const std::string& name : instruction_sets()) {
    const test::InstructionSet use(name);
    BOOST_TEST_CONTEXT(name) {
      check_arithmetic<float>();
      check_arithmetic<double>();
    }
  }
}

BOOST_AUTO_TEST_CASE(rows_of_every_layout) {
  for (const std::string& name : instruction_sets()) {
    const test::InstructionSet use(name);
    BOOST_TEST_CONTEXT(name) {
      check_rows<float>();
      check_rows<double>();
    }
  }
}

BOOST_AUTO_TEST_CASE(column_sums) {
  for (const std::string& name : instruction_sets()) {
    const test::InstructionSet use(name);
    BOOST_TEST_CONTEXT(name) {
      check_column_sums<float>();
      check_column_sums<double>();
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
