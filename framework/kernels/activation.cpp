#include "framework/kernels/activation.h"

#include "framework/kernels/simd.h"
#include "framework/kernels/table_entries.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {
namespace {

constexpr double sqrt_half = 0.70710678118654752440;         // sqrt(1/2)
constexpr double inverse_sqrt_2pi = 0.39894228040143267794;  // 1 / sqrt(2 pi)
constexpr double sqrt_2_over_pi = 0.79788456080286535588;    // sqrt(2 / pi)
constexpr double gelu_cubic = 0.044715;                      // Hendrycks, Gimpel 2016

template <class T>
constexpr T as(double value) {
  return static_cast<T>(value);
}

template <class B>
B sigmoid_of(B x) {
  return B(1) / (B(1) + xsimd::exp(-x));
}

// sigmoid(x) sigmoid(-x), the derivative of sigmoid, without the cancellation of s (1 - s).
template <class B>
B sigmoid_slope(B x) {
  const B e = xsimd::exp(-xsimd::abs(x));
  return e / ((B(1) + e) * (B(1) + e));
}

// Phi(x), the normal distribution function.
template <class T>
Batch<T> normal_cdf(Batch<T> x) {
  using B = Batch<T>;
  return B(as<T>(0.5)) * (B(1) + xsimd::erf(x * B(as<T>(sqrt_half))));
}

// The argument of tanh in the tanh form of GELU, doubled: (1 + tanh(u)) / 2 is sigmoid(2 u), which keeps its accuracy
// where 1 + tanh(u) and 1 - tanh(u)^2 cancel.
template <class T>
Batch<T> gelu_tanh_inner(Batch<T> x) {
  using B = Batch<T>;
  return B(as<T>(2 * sqrt_2_over_pi)) * x * (B(1) + B(as<T>(gelu_cubic)) * x * x);
}

// A function and its derivative from two lambdas that know alpha and beta: f(x, alpha, beta) on registers, and
// g(saved, dy, alpha, beta).
template <class T, class F, class G>
Unary<T> unary(F, G) {
  using B = Batch<T>;
  // The lambdas capture nothing, so they are made anew where they are called, and plain pointers remain.
  return {[](const T* x, T* y, int64_t n, T alpha, T beta) {
            map(x, y, n, [=](B v) { return F{}(v, B(alpha), B(beta)); });
          },
          [](const T* saved, const T* dy, T* dx, int64_t n, T alpha, T beta) {
            map(saved, dy, dx, n, [=](B s, B up) { return G{}(s, up, B(alpha), B(beta)); });
          }};
}

template <class T>
void fill_piecewise(Activation<T>& table) {
  using B = Batch<T>;
  table.relu = unary<T>([](B x, B, B) { return xsimd::select(x <= B(0), B(0), x); },
                        [](B y, B dy, B, B) { return xsimd::select(y <= B(0), B(0), dy); });
  table.relu6 = unary<T>([](B x, B, B) { return xsimd::select(x <= B(0), B(0), xsimd::select(x >= B(6), B(6), x)); },
                         [](B y, B dy, B, B) { return xsimd::select((y <= B(0)) || (y >= B(6)), B(0), dy); });
  table.leaky_relu = unary<T>([](B x, B slope, B) { return xsimd::select(x > B(0), x, slope * x); },
                              [](B x, B dy, B slope, B) { return xsimd::select(x > B(0), dy, slope * dy); });
  table.elu = unary<T>([](B x, B alpha, B) { return xsimd::select(x > B(0), x, alpha * xsimd::expm1(x)); },
                       [](B x, B dy, B alpha, B) { return xsimd::select(x > B(0), dy, dy * alpha * xsimd::exp(x)); });
  table.abs = unary<T>([](B x, B, B) { return xsimd::abs(x); },
                       [](B x, B dy, B, B) { return xsimd::select(x > B(0), dy, xsimd::select(x < B(0), -dy, B(0))); });
  table.clamp =
      unary<T>([](B x, B low, B high) { return xsimd::select(x < low, low, xsimd::select(x > high, high, x)); },
               [](B x, B dy, B low, B high) { return xsimd::select((x >= low) && (x <= high), dy, B(0)); });
}

template <class T>
void fill_smooth(Activation<T>& table) {
  using B = Batch<T>;
  table.gelu = unary<T>([](B x, B, B) { return x * normal_cdf<T>(x); },
                        [](B x, B dy, B, B) {
                          const B density = B(as<T>(inverse_sqrt_2pi)) * xsimd::exp(B(as<T>(-0.5)) * x * x);
                          return dy * (normal_cdf<T>(x) + x * density);
                        });
  table.gelu_tanh = unary<T>([](B x, B, B) { return x * sigmoid_of(gelu_tanh_inner<T>(x)); },
                             [](B x, B dy, B, B) {
                               const B inner = gelu_tanh_inner<T>(x);
                               const B slope = B(as<T>(2 * sqrt_2_over_pi)) * (B(1) + B(as<T>(3 * gelu_cubic)) * x * x);
                               return dy * (sigmoid_of(inner) + x * slope * sigmoid_slope(inner));
                             });
  table.silu = unary<T>([](B x, B, B) { return x * sigmoid_of(x); },
                        [](B x, B dy, B, B) { return dy * (sigmoid_of(x) + x * sigmoid_slope(x)); });
  table.softplus =
      unary<T>([](B x, B, B) { return xsimd::select(x > B(0), x, B(0)) + xsimd::log1p(xsimd::exp(-xsimd::abs(x))); },
               [](B x, B dy, B, B) { return dy * sigmoid_of(x); });
  table.sigmoid =
      unary<T>([](B x, B, B) { return sigmoid_of(x); }, [](B y, B dy, B, B) { return dy * y * (B(1) - y); });
  table.tanh = unary<T>([](B x, B, B) { return xsimd::tanh(x); }, [](B y, B dy, B, B) { return dy * (B(1) - y * y); });
  table.exp = unary<T>([](B x, B, B) { return xsimd::exp(x); }, [](B y, B dy, B, B) { return dy * y; });
  table.log = unary<T>([](B x, B, B) { return xsimd::log(x); }, [](B x, B dy, B, B) { return dy / x; });
  table.sqrt =
      unary<T>([](B x, B, B) { return xsimd::sqrt(x); }, [](B y, B dy, B, B) { return B(as<T>(0.5)) * dy / y; });
  table.square = unary<T>([](B x, B, B) { return x * x; }, [](B x, B dy, B, B) { return (x + x) * dy; });
  table.exp_shifted = [](T alpha, T shift, const T* x, T* y, int64_t n) {
    map(x, y, n, [=](B v) { return B(alpha) * xsimd::exp(v - B(shift)); });
  };
}

}  // namespace

void fill(Activation<float>& table) {
  fill_piecewise(table);
  fill_smooth(table);
}
void fill(Activation<double>& table) {
  fill_piecewise(table);
  fill_smooth(table);
}

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
