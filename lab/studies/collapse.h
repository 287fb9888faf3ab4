// What the studies of neural collapse train and measure: those on made-up data and on images.
#pragma once

#include <cstdint>

#include "framework/nn/batch_norm.h"
#include "framework/nn/layer.h"
#include "framework/nn/linear.h"

namespace ebb::studies::collapse_study {

// What there is to see of features `[n, d]`: their scatter within classes over that between, the mean cosine of two
// samples of one class, and how far the cosines of class means are from -1 / (classes - 1) at most; all about the mean
// of all.
struct Spread {
  double within = 0, cosine = 0, angles = 0;
};

// Of f64 features; every class has two samples at least.
Spread shape_of(const Tensor& features, const Tensor& labels, std::int64_t classes);

struct NetOptions {
  std::int64_t in, hidden, features, classes;
  bool norm;  // behind the features
};

// Linear, ReLU, linear: features, with a batch norm or without; head. Of f32 numbers.
struct Net : Layer {
  Net(const NetOptions& options, const Rng& rng);
  Var in_front(const Var& x);  // features in front of their norm
  Var features(const Var& x);
  Var forward(const Var& x) override { return head(features(x)); }
  Child<Linear> fc1, fc2;
  Child<BatchNorm1d> bn;
  Child<Linear> head;

 private:
  bool norm_;
};

}  // namespace ebb::studies::collapse_study
