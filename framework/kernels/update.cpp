#include "framework/kernels/update.h"

#include "framework/kernels/simd.h"
#include "framework/kernels/table_entries.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {
namespace {

// The two bodies of a step. The first is the common case: it spares the terms that are zero.
enum class Body { linear, general };

template <class T>
Batch<T> sign(Batch<T> x) {
  using B = Batch<T>;
  return xsimd::select(x > B(T(0)), B(T(1)), xsimd::select(x < B(T(0)), B(T(-1)), B(T(0))));
}

// x / below, and 0 where below is 0: a number without a second moment does not move, whatever eps is.
template <class B>
B over(B x, B below) {
  return xsimd::select(below == B(0), B(0), x / below);
}

// v, at most the largest number (NaN stays): a second moment that is infinite would hold its weight for ever.
template <class T>
Batch<T> bounded(Batch<T> v) {
  constexpr T largest = sizeof(T) == sizeof(float) ? static_cast<T>(__FLT_MAX__) : static_cast<T>(__DBL_MAX__);
  return xsimd::min(Batch<T>(largest), v);
}

// The rules: u from g, the state s (written back when `writes`) and the coefficients c. `root` is what stands under
// the root afterwards, where there is one.
template <class T, UpdateRule rule>
struct Base;

struct Stateless {
  static constexpr int states = 0;
  [[maybe_unused]] static constexpr bool writes = false, reads_gradient = true;
};
template <int count>
struct Stateful {
  static constexpr int states = count;
  static constexpr bool writes = true, reads_gradient = true;
};

template <class T>
struct Base<T, UpdateRule::gradient> : Stateless {
  using B = Batch<T>;
  static B update(B g, B*, const B*) { return g; }
};

template <class T>
struct Base<T, UpdateRule::given> {
  static constexpr int states = 1;
  static constexpr bool writes = false, reads_gradient = false;
  using B = Batch<T>;
  static B update(B, B* s, const B*) { return s[0]; }
};

template <class T>
struct Base<T, UpdateRule::momentum> : Stateful<1> {
  using B = Batch<T>;
  static B update(B g, B* s, const B* c) {
    s[0] = xsimd::fma(c[0], s[0], c[1] * g);
    return xsimd::fma(c[2], g, c[3] * s[0]);
  }
};

template <class T>
struct Base<T, UpdateRule::moments> : Stateful<2> {
  using B = Batch<T>;
  static B root(B g, const B* s, const B* c) { return bounded<T>(xsimd::fma(c[2], s[1], c[3] * (g * g))); }
  static B update(B g, B* s, const B* c) {
    s[0] = xsimd::fma(c[0], s[0], c[1] * g);
    s[1] = root(g, s, c);
    return over(xsimd::fma(c[4], g, c[5] * s[0]), xsimd::sqrt(c[6] * s[1]) + c[7]);
  }
};

template <class T>
struct Base<T, UpdateRule::moments_max> : Stateful<3> {
  using B = Batch<T>;
  static B root(B g, const B* s, const B* c) {
    const B v = bounded<T>(xsimd::fma(c[2], s[1], c[3] * (g * g)));
    return xsimd::select(s[2] > v, s[2], v);
  }
  static B update(B g, B* s, const B* c) {
    s[0] = xsimd::fma(c[0], s[0], c[1] * g);
    s[2] = root(g, s, c);
    s[1] = bounded<T>(xsimd::fma(c[2], s[1], c[3] * (g * g)));
    return over(xsimd::fma(c[4], g, c[5] * s[0]), xsimd::sqrt(c[6] * s[2]) + c[7]);
  }
};

template <class T, bool centered, bool momentum>
struct Rms : Stateful<momentum   ? 3
                      : centered ? 2
                                 : 1> {
  using B = Batch<T>;
  static B root(B g, const B* s, const B* c) {
    const B v = bounded<T>(xsimd::fma(c[0], s[0], c[1] * (g * g)));
    if constexpr (centered) {
      const B mean = xsimd::fma(c[0], s[1], c[1] * g);
      return xsimd::max(c[4] * v, v - mean * mean);  // NaN where the second is
    } else {
      return v;
    }
  }
  static B update(B g, B* s, const B* c) {
    const B below = root(g, s, c);
    s[0] = bounded<T>(xsimd::fma(c[0], s[0], c[1] * (g * g)));
    if constexpr (centered) s[1] = xsimd::fma(c[0], s[1], c[1] * g);
    const B u = over(g, xsimd::sqrt(below) + c[2]);
    if constexpr (!momentum) return u;
    s[2] = xsimd::fma(c[3], s[2], u);
    return s[2];
  }
};
template <class T>
struct Base<T, UpdateRule::rms> : Rms<T, false, false> {};
template <class T>
struct Base<T, UpdateRule::rms_momentum> : Rms<T, false, true> {};
template <class T>
struct Base<T, UpdateRule::rms_centered> : Rms<T, true, false> {};
template <class T>
struct Base<T, UpdateRule::rms_centered_momentum> : Rms<T, true, true> {};

template <class T>
struct Base<T, UpdateRule::adagrad> : Stateful<1> {
  using B = Batch<T>;
  static B root(B g, const B* s, const B*) { return bounded<T>(xsimd::fma(g, g, s[0])); }
  static B update(B g, B* s, const B* c) {
    s[0] = root(g, s, c);
    return over(c[0] * g, xsimd::sqrt(s[0]) + c[1]);
  }
};

template <class T>
struct Base<T, UpdateRule::adadelta> : Stateful<2> {
  using B = Batch<T>;
  static B root(B g, const B* s, const B* c) { return bounded<T>(xsimd::fma(c[0], s[0], c[1] * (g * g))); }
  static B update(B g, B* s, const B* c) {
    s[0] = root(g, s, c);
    const B u = g * over(xsimd::sqrt(s[1] + c[2]), xsimd::sqrt(s[0] + c[2]));
    s[1] = bounded<T>(xsimd::fma(c[0], s[1], c[1] * (u * u)));
    return u;
  }
};

template <class T>
struct Base<T, UpdateRule::lion> : Stateful<1> {
  using B = Batch<T>;
  static B update(B g, B* s, const B* c) {
    const B u = sign<T>(xsimd::fma(c[0], s[0], c[1] * g));
    s[0] = xsimd::fma(c[2], s[0], c[3] * g);
    return u;
  }
};

// The numbers of a step in registers.
template <class T>
struct Registers {
  using B = Batch<T>;
  explicit Registers(const UpdateArguments<T>& a)
      : lr(a.lr),
        gradient_scale(a.gradient_scale),
        limit(a.gradient_limit > T(0) ? a.gradient_limit : static_cast<T>(__builtin_inf())),
        l2_gradient(a.l2_gradient),
        l1_gradient(a.l1_gradient),
        l2_update(a.l2_update),
        shrink(a.shrink),
        divide(a.divide),
        threshold(a.threshold) {
    for (int k = 0; k < 8; ++k) c[k] = B(a.c[k]);
  }
  B c[8];
  B lr, gradient_scale, limit, l2_gradient, l1_gradient, l2_update, shrink, divide, threshold;
};

// g' of UpdateArguments. Comparisons instead of min and max, since those may lose a NaN.
template <class T>
Batch<T> full_gradient(Batch<T> g, Batch<T> d, const Registers<T>& r) {
  g = g * r.gradient_scale;
  g = xsimd::select(g > r.limit, r.limit, xsimd::select(g < -r.limit, -r.limit, g));
  return xsimd::fma(r.l2_gradient, d, xsimd::fma(r.l1_gradient, sign<T>(d), g));
}

// w after the step u and the decay.
template <class T>
Batch<T> moved_weight(const UpdateArguments<T>& a, const Registers<T>& r, Batch<T> w, Batch<T> target, Batch<T> u) {
  using B = Batch<T>;
  const B zero(T(0));
  const B d = w - target;
  B decay = r.shrink * d;
  if (a.cautious) decay = xsimd::select(u * d >= zero, decay, zero);
  const B moved = w - xsimd::fma(r.lr, u, decay);
  if (a.threshold == T(0) && a.divide == T(1)) return moved;
  B x = moved - target;
  if (a.threshold != T(0)) {
    const B rest = xsimd::abs(x) - r.threshold;
    x = xsimd::select(rest > zero, sign<T>(x) * rest, xsimd::select(xsimd::isnan(x), x, zero));
  }
  return target + x / r.divide;
}

// The step for begin <= i < end, whole registers.
template <class T, UpdateRule rule, Body body>
void registers_step(const UpdateArguments<T>& a, int64_t begin, int64_t end) {
  using B = Batch<T>;
  using Rule = Base<T, rule>;
  const Registers<T> r(a);
  const B zero(T(0));
  for (int64_t i = begin; i < end; i += lanes<T>) {
    B s[3] = {zero, zero, zero};
    for (int k = 0; k < Rule::states; ++k)
      if (a.s[k] != nullptr) s[k] = B::load_unaligned(a.s[k] + i);
    B g = zero;
    if constexpr (Rule::reads_gradient) g = B::load_unaligned(a.g + i);
    const B w = B::load_unaligned(a.w + i);

    if constexpr (body == Body::linear) {
      const B u = Rule::update(xsimd::fma(r.l2_gradient, w, g * r.gradient_scale), s, r.c);
      (w - xsimd::fma(r.lr, u, r.shrink * w)).store_unaligned(a.w + i);
    } else {
      const B target = a.target == nullptr ? zero : B::load_unaligned(a.target + i);
      const B d = w - target;
      B u = Rule::update(full_gradient<T>(g, d, r), s, r.c);
      u = xsimd::fma(r.l2_update, d, u);
      if (a.out != nullptr) u.store_unaligned(a.out + i);
      else moved_weight<T>(a, r, w, target, u).store_unaligned(a.w + i);
    }
    if constexpr (Rule::writes) {
      for (int k = 0; k < Rule::states; ++k)
        if (a.s[k] != nullptr) s[k].store_unaligned(a.s[k] + i);
    }
  }
}

// The last part of a register, padded with zeros: what it points to is as long as a register.
template <class T>
class LastPart {
 public:
  LastPart(const UpdateArguments<T>& a, int64_t begin, int64_t count) : from_(a), begin_(begin), count_(count) {
    arguments = a;
    int next = 0;
    const auto pad = [&](auto*& pointer) {
      if (pointer == nullptr) return;
      T* const numbers = numbers_[next++];
      load_part(pointer + begin, count).store_aligned(numbers);
      pointer = numbers;
    };
    pad(arguments.w);
    pad(arguments.g);
    pad(arguments.target);
    pad(arguments.out);
    for (T*& state : arguments.s) pad(state);
  }

  void write_back() const {
    const auto copy = [&](T* to, const T* numbers) {
      for (int64_t i = 0; to != nullptr && i < count_; ++i) to[begin_ + i] = numbers[i];
    };
    if (from_.out != nullptr) copy(from_.out, arguments.out);
    else copy(from_.w, arguments.w);
    for (int k = 0; k < 3; ++k) copy(from_.s[k], arguments.s[k]);
  }

  UpdateArguments<T> arguments;

 private:
  alignas(64) T numbers_[7][lanes<T>];
  const UpdateArguments<T>& from_;
  int64_t begin_, count_;
};

// Kernels are the bulk of the build: only what most trainings use has a body of its own.
template <class T, UpdateRule rule>
constexpr bool has_linear_body = sizeof(T) == sizeof(float) &&
                                 (rule == UpdateRule::gradient || rule == UpdateRule::momentum ||
                                  rule == UpdateRule::moments);

template <class T, UpdateRule rule>
void step(const UpdateArguments<T>& a, int64_t begin, int64_t end) {
  auto* body = registers_step<T, rule, Body::general>;
  if constexpr (has_linear_body<T, rule>) {
    const bool general = a.out != nullptr || a.target != nullptr || a.gradient_limit > T(0) || a.l1_gradient != T(0) ||
                         a.l2_update != T(0) || a.divide != T(1) || a.threshold != T(0) ||
                         (a.cautious && a.shrink != T(0));
    if (!general) body = registers_step<T, rule, Body::linear>;
  }
  const int64_t rest = (end - begin) % lanes<T>;
  body(a, begin, end - rest);
  if (rest == 0) return;
  LastPart<T> last(a, end - rest, rest);
  body(last.arguments, 0, lanes<T>);
  last.write_back();
}

// Sum of value(a, r, i) over the registers from begin to end, carried in T over short runs and in double between them.
// value() is 0 where everything that it reads is 0, so the last part needs no mask.
template <class T, class Value>
double summed(const UpdateArguments<T>& a, int64_t begin, int64_t end, Value value) {
  constexpr int64_t run_length = 256;
  const auto sum_registers = [&](const UpdateArguments<T>& at, int64_t from, int64_t to) __attribute__((noinline)) {
    const Registers<T> r(at);
    double total = 0;
    for (int64_t i = from; i < to;) {
      const int64_t stop = to - i < run_length ? to : i + run_length;
      Batch<T> sum(T(0));
      for (; i < stop; i += lanes<T>) sum += value(at, r, i);
      total += sum_lanes<T>(sum);
    }
    return total;
  };
  const int64_t rest = (end - begin) % lanes<T>;
  const double total = sum_registers(a, begin, end - rest);
  return rest == 0 ? total : total + sum_registers(LastPart<T>(a, end - rest, rest).arguments, 0, lanes<T>);
}

template <class T>
Batch<T> gradient_at(const UpdateArguments<T>& a, const Registers<T>& r, int64_t i) {
  using B = Batch<T>;
  const B target = a.target == nullptr ? B(T(0)) : B::load_unaligned(a.target + i);
  return full_gradient<T>(B::load_unaligned(a.g + i), B::load_unaligned(a.w + i) - target, r);
}

template <class T, UpdateRule rule>
double second_moment(const UpdateArguments<T>& arguments, int64_t begin, int64_t end) {
  using Rule = Base<T, rule>;
  if constexpr (!has_second_moment(rule)) {
    return 0;
  } else {
    return summed(arguments, begin, end, [](const UpdateArguments<T>& a, const Registers<T>& r, int64_t i) {
      Batch<T> s[3] = {Batch<T>(T(0)), Batch<T>(T(0)), Batch<T>(T(0))};
      for (int k = 0; k < Rule::states; ++k) s[k] = Batch<T>::load_unaligned(a.s[k] + i);
      return Rule::root(gradient_at(a, r, i), s, r.c);
    });
  }
}

template <class T>
void fill_table(Update<T>& table) {
  table.step = [](UpdateRule rule, const UpdateArguments<T>& a, int64_t begin, int64_t end) {
    using R = UpdateRule;
    switch (rule) {
      case R::gradient: return step<T, R::gradient>(a, begin, end);
      case R::given: return step<T, R::given>(a, begin, end);
      case R::momentum: return step<T, R::momentum>(a, begin, end);
      case R::moments: return step<T, R::moments>(a, begin, end);
      case R::moments_max: return step<T, R::moments_max>(a, begin, end);
      case R::rms: return step<T, R::rms>(a, begin, end);
      case R::rms_momentum: return step<T, R::rms_momentum>(a, begin, end);
      case R::rms_centered: return step<T, R::rms_centered>(a, begin, end);
      case R::rms_centered_momentum: return step<T, R::rms_centered_momentum>(a, begin, end);
      case R::adagrad: return step<T, R::adagrad>(a, begin, end);
      case R::adadelta: return step<T, R::adadelta>(a, begin, end);
      case R::lion: return step<T, R::lion>(a, begin, end);
    }
  };
  table.second_moment = [](UpdateRule rule, const UpdateArguments<T>& a, int64_t begin, int64_t end) {
    using R = UpdateRule;
    switch (rule) {
      case R::moments: return second_moment<T, R::moments>(a, begin, end);
      case R::moments_max: return second_moment<T, R::moments_max>(a, begin, end);
      case R::rms:
      case R::rms_momentum: return second_moment<T, R::rms>(a, begin, end);
      case R::rms_centered:
      case R::rms_centered_momentum: return second_moment<T, R::rms_centered>(a, begin, end);
      case R::adagrad: return second_moment<T, R::adagrad>(a, begin, end);
      case R::adadelta: return second_moment<T, R::adadelta>(a, begin, end);
      default: return 0.0;
    }
  };
  table.gradient_squares = [](const UpdateArguments<T>& arguments, int64_t begin, int64_t end) {
    return summed(arguments, begin, end, [](const UpdateArguments<T>& a, const Registers<T>& r, int64_t i) {
      const Batch<T> g = gradient_at(a, r, i);
      return g * g;
    });
  };
}

}  // namespace

void fill(Update<float>& table) { fill_table(table); }
void fill(Update<double>& table) { fill_table(table); }

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
