// Every optimizer and every kind of decay once more, as plain loops in double that share nothing with the library:
// the tests compare trajectories with them.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace ebb::test {

struct ReferenceParameter {
  std::size_t rows = 1, columns = 1;
  int group = 0;
  std::vector<double> w = {}, g = {};
  std::vector<double> w0 = {}, a = {}, b = {}, c = {};  // start, states
  double product = 1;
};

struct ReferenceRun {
  std::string optimizer, kind;
  double base_lr = 0.1, lambda = 0, l1 = 0;
  std::vector<double> group_scale = {1};
  std::vector<ReferenceParameter> parameters = {};
  int t = 0;

  static double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }
  static double length(const std::vector<double>& x) {
    double sum = 0;
    for (const double v : x) sum += v * v;
    return std::sqrt(sum);
  }

  // One step with the schedule's multiplier.
  void step(double schedule) {
    ++t;
    std::vector<std::vector<double>> updates;
    std::vector<double> ratios;
    std::vector<double> v_sum(group_scale.size(), 0), v_count(group_scale.size(), 0);
    bool start = kind.rfind("toward_start(", 0) == 0;
    const std::string plain = start ? kind.substr(13, kind.size() - 14) : kind;
    for (ReferenceParameter& p : parameters) {
      if (p.w0.empty()) {
        p.w0 = start ? p.w : std::vector<double>(p.w.size(), 0.0);
        p.a = p.b = p.c = std::vector<double>(p.w.size(), 0.0);
      }
      std::vector<double> g = p.g;
      for (std::size_t i = 0; i < g.size(); ++i) {
        const double d = p.w[i] - p.w0[i];
        if (plain == "coupled_l2") g[i] += lambda * d;
        if (plain == "coupled_l1") g[i] += lambda * sign(d);
        if (plain == "coupled_elastic_net") g[i] += l1 * sign(d) + lambda * d;
      }
      double ratio = 1;
      std::vector<double> v_hat;
      std::vector<double> u = update(p, g, plain, v_hat, ratio);
      for (const double v : v_hat) v_sum[static_cast<std::size_t>(p.group)] += v;
      v_count[static_cast<std::size_t>(p.group)] += static_cast<double>(u.size());
      if (v_hat.empty()) v_sum[static_cast<std::size_t>(p.group)] += static_cast<double>(u.size());
      updates.push_back(u);
      ratios.push_back(ratio);
    }
    for (std::size_t k = 0; k < parameters.size(); ++k) {
      ReferenceParameter& p = parameters[k];
      const std::size_t group = static_cast<std::size_t>(p.group);
      const double peak = base_lr * group_scale[group], lr = peak * schedule;
      double shrink = 0;
      if (plain == "decoupled_lr" || plain == "cautious") shrink = lr * lambda;
      if (plain == "decoupled_schedule") shrink = schedule * lambda;
      if (plain == "decoupled_constant") shrink = lambda;
      if (plain == "corrected") shrink = lambda * lr * lr / peak;
      if (plain == "stable" && v_sum[group] > 0) shrink = lr * lambda / std::sqrt(v_sum[group] / v_count[group]);
      if (projected(p)) shrink *= 0.1;
      for (std::size_t i = 0; i < p.w.size(); ++i) {
        const double d = p.w[i] - p.w0[i], u = updates[k][i];
        double w = p.w[i] - lr * ratios[k] * u;
        if (plain == "update_l2" && optimizer != "lars" && optimizer != "lamb") w -= lr * lambda * d;
        if (plain != "cautious" || u * d >= 0) w -= shrink * d;
        double x = w - p.w0[i];
        const double threshold = plain == "proximal_l1" ? lr * lambda : plain == "elastic_net" ? lr * l1 : 0;
        x = sign(x) * std::max(std::abs(x) - threshold, 0.0);
        if (plain == "elastic_net" || plain == "proximal_l2") x /= 1 + lr * lambda;
        p.w[i] = p.w0[i] + x;
      }
    }
  }

  std::vector<const ReferenceParameter*> projected_list = {};  // whose update was projected at this step

  bool projected(const ReferenceParameter& p) {
    return std::find(projected_list.begin(), projected_list.end(), &p) != projected_list.end();
  }

  std::vector<double> update(ReferenceParameter& p, const std::vector<double>& g, const std::string& plain,
                             std::vector<double>& v_hat, double& ratio) {
    const std::size_t n = g.size();
    std::vector<double> u(n);
    if (optimizer == "sgd") return g;
    if (optimizer == "momentum" || optimizer == "dampened" || optimizer == "nesterov" || optimizer == "sgdp") {
      const double fresh = optimizer == "dampened" && t > 1 ? 0.5 : 1;
      for (std::size_t i = 0; i < n; ++i) {
        p.a[i] = 0.9 * p.a[i] + fresh * g[i];
        u[i] = optimizer == "nesterov" ? g[i] + 0.9 * p.a[i] : p.a[i];
      }
      if (optimizer == "sgdp") project(p, u);
      return u;
    }
    if (optimizer == "lars") {
      const double l2 = plain == "coupled_l2" || plain == "coupled_elastic_net" || plain == "update_l2" ? lambda : 0;
      const double trust =
          length(p.w) > 0 && length(p.g) > 0 ? 1e-3 * length(p.w) / (length(p.g) + l2 * length(p.w) + 1e-8) : 1;
      for (std::size_t i = 0; i < n; ++i) {
        double joined = g[i];
        if (plain == "update_l2") joined += lambda * (p.w[i] - p.w0[i]);
        p.a[i] = 0.9 * p.a[i] + trust * joined;
      }
      return p.a;
    }
    if (optimizer == "adam" || optimizer == "adamw" || optimizer == "amsgrad" || optimizer == "adamp" ||
        optimizer == "lamb" || optimizer == "nadam" || optimizer == "radam") {
      const double eps = optimizer == "lamb" ? 1e-6 : 1e-8;
      const double c1 = 1 - std::pow(0.9, t), c2 = 1 - std::pow(0.999, t);
      const double mu = 0.9 * (1 - 0.5 * std::pow(0.96, t * 4e-3));
      const double mu_next = 0.9 * (1 - 0.5 * std::pow(0.96, (t + 1) * 4e-3));
      p.product *= mu;
      const double rho_inf = 2 / (1 - 0.999) - 1, rho = rho_inf - 2 * t * std::pow(0.999, t) / c2;
      v_hat.resize(n);
      for (std::size_t i = 0; i < n; ++i) {
        p.a[i] = 0.9 * p.a[i] + 0.1 * g[i];
        p.b[i] = 0.999 * p.b[i] + (1 - 0.999) * g[i] * g[i];
        p.c[i] = std::max(p.c[i], p.b[i]);
        v_hat[i] = (optimizer == "amsgrad" ? p.c[i] : p.b[i]) / c2;
        const double root = std::sqrt(v_hat[i]) + eps;
        u[i] = p.a[i] / c1 / root;
        if (optimizer == "nadam")
          u[i] = ((1 - mu) * g[i] / (1 - p.product) + mu_next * p.a[i] / (1 - p.product * mu_next)) / root;
        if (optimizer == "radam") {
          u[i] = p.a[i] / c1;
          if (rho > 5)
            u[i] *= std::sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)) * std::sqrt(c2) /
                    (std::sqrt(p.b[i]) + eps);
        }
      }
      if (optimizer == "radam" && rho <= 5) v_hat.clear();
      if (optimizer == "adamp") project(p, u);
      if (optimizer == "lamb") {
        if (plain == "update_l2")
          for (std::size_t i = 0; i < n; ++i) u[i] += lambda * (p.w[i] - p.w0[i]);
        ratio = length(p.w) > 0 && length(u) > 0 ? length(p.w) / length(u) : 1;
      }
      return u;
    }
    if (optimizer.rfind("rmsprop", 0) == 0) {
      const bool centered = optimizer != "rmsprop";
      v_hat.resize(n);
      for (std::size_t i = 0; i < n; ++i) {
        p.a[i] = 0.99 * p.a[i] + (1 - 0.99) * g[i] * g[i];
        p.b[i] = 0.99 * p.b[i] + (1 - 0.99) * g[i];
        v_hat[i] = p.a[i] - (centered ? p.b[i] * p.b[i] : 0);
        u[i] = g[i] / (std::sqrt(v_hat[i]) + 1e-8);
        if (centered) u[i] = p.c[i] = 0.5 * p.c[i] + u[i];
      }
      return u;
    }
    if (optimizer == "adagrad") {
      for (std::size_t i = 0; i < n; ++i) {
        p.a[i] += g[i] * g[i];
        u[i] = g[i] / (std::sqrt(p.a[i]) + 1e-10);
      }
      v_hat = p.a;
      return u;
    }
    if (optimizer == "adadelta") {
      for (std::size_t i = 0; i < n; ++i) {
        p.a[i] = 0.9 * p.a[i] + 0.1 * g[i] * g[i];
        u[i] = g[i] * std::sqrt(p.b[i] + 1e-6) / std::sqrt(p.a[i] + 1e-6);
        p.b[i] = 0.9 * p.b[i] + 0.1 * u[i] * u[i];
      }
      v_hat = p.a;
      return u;
    }
    if (optimizer == "lion") {
      for (std::size_t i = 0; i < n; ++i) {
        u[i] = sign(0.9 * p.a[i] + 0.1 * g[i]);
        p.a[i] = 0.99 * p.a[i] + (1 - 0.99) * g[i];
      }
      return u;
    }
    if (optimizer == "muon") {
      for (std::size_t i = 0; i < n; ++i) {
        p.a[i] = 0.95 * p.a[i] + (1 - 0.95) * g[i];
        u[i] = 0.95 * p.a[i] + (1 - 0.95) * g[i];
      }
      orthogonalize(p, u);
      return u;
    }
    return {};
  }

  // SGDP: per column, else the whole; the decision looks at the data gradient.
  void project(const ReferenceParameter& p, std::vector<double>& u) {
    projected_list.erase(std::remove(projected_list.begin(), projected_list.end(), &p), projected_list.end());
    if (length(p.g) == 0) return;  // no gradient says nothing of a symmetry
    for (const bool by_column : {true, false}) {
      const std::size_t channels = by_column ? p.columns : 1;
      std::vector<double> ww(channels, 0), gg(channels, 0), wg(channels, 0), wu(channels, 0);
      for (std::size_t i = 0; i < u.size(); ++i) {
        const std::size_t c = by_column ? i % p.columns : 0;
        ww[c] += p.w[i] * p.w[i];
        gg[c] += p.g[i] * p.g[i];
        wg[c] += p.w[i] * p.g[i];
        wu[c] += p.w[i] * u[i];
      }
      double largest = 0;
      for (std::size_t c = 0; c < channels; ++c)
        if (ww[c] > 0 && gg[c] > 0) largest = std::max(largest, std::abs(wg[c]) / std::sqrt(ww[c] * gg[c]));
      if (largest >= 0.1 / std::sqrt(static_cast<double>(u.size() / channels))) continue;
      for (std::size_t i = 0; i < u.size(); ++i) {
        const std::size_t c = by_column ? i % p.columns : 0;
        u[i] -= ww[c] > 0 ? p.w[i] * wu[c] / ww[c] : 0;
      }
      projected_list.push_back(&p);
      return;
    }
  }

  static void orthogonalize(const ReferenceParameter& p, std::vector<double>& x) {
    const std::size_t r = p.rows, k = p.columns;
    const double norm = length(x);
    if (norm == 0) return;
    for (double& v : x) v /= norm;
    for (int step = 0; step < 5; ++step) {
      std::vector<double> gram(r * r, 0), square(r * r, 0), next(r * k, 0);
      for (std::size_t i = 0; i < r; ++i)
        for (std::size_t j = 0; j < r; ++j)
          for (std::size_t c = 0; c < k; ++c) gram[i * r + j] += x[i * k + c] * x[j * k + c];
      for (std::size_t i = 0; i < r; ++i)
        for (std::size_t j = 0; j < r; ++j)
          for (std::size_t c = 0; c < r; ++c) square[i * r + j] += gram[i * r + c] * gram[c * r + j];
      for (std::size_t i = 0; i < r; ++i)
        for (std::size_t c = 0; c < k; ++c) {
          next[i * k + c] = 3.4445 * x[i * k + c];
          for (std::size_t j = 0; j < r; ++j)
            next[i * k + c] += (-4.7750 * gram[i * r + j] + 2.0315 * square[i * r + j]) * x[j * k + c];
        }
      x = next;
    }
    const double scale = std::sqrt(std::max(1.0, static_cast<double>(k) / static_cast<double>(r)));
    for (double& v : x) v *= scale;
  }
};

}  // namespace ebb::test
