// What the study of the edge of stability trains and measures: for it, and for the test that repeats it elsewhere.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/nn/conv2d.h"
#include "framework/nn/layer.h"
#include "framework/nn/linear.h"
#include "lab/study/results.h"

namespace ebb::studies::edge_study {

// Linear, tanh, linear; f64.
struct Mlp : Layer {
  Mlp(std::int64_t in, std::int64_t hidden, std::int64_t classes, const Rng& rng);
  Var forward(const Var& x) override;
  Child<Linear> fc1, fc2;
};

// Twice convolution with stride 2 and tanh; linear. Of images of 14 x 14, f64.
struct Cnn : Layer {
  explicit Cnn(const Rng& rng);
  Var forward(const Var& x) override;
  Child<Conv2d> conv1, conv2;
  Child<Linear> fc;
};

Tensor one_hot(const Tensor& labels, std::int64_t classes);

// A net with its whole training set: half the squared distance from the classes' corners, the mean over samples.
struct Task {
  Layer& net;
  Tensor x, targets;

  std::vector<Parameter*> all() const;
  double gradients() const;  // returns the loss
  // The largest eigenvalue of the loss without what decay adds, by so many steps of Lanczos' method.
  double sharpness(std::int64_t steps, const Rng& rng) const;
  double square() const;  // of all parameters
};

struct Course {
  double lr = 0, lambda = 0;
  std::int64_t steps = 0, from = 0, to = 0;  // growth is measured between the last two
  std::int64_t every = 50;                   // steps the sharpness is looked at
  std::int64_t few = 12, many = 24;          // steps of Lanczos' method, and of one that it is compared with
};

// Plain descent with decay of all parameters; what it measures is recorded under names that begin with `of`.
void train(const Task& task, const Course& course, const std::string& of, const Rng& random, Record& record);

}  // namespace ebb::studies::edge_study
