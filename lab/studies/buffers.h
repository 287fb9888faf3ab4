// What the study of decay in Adam's buffers trains and measures: for it, and for the test that repeats it elsewhere.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/nn/layer.h"
#include "framework/nn/linear.h"
#include "lab/study/workloads.h"

namespace ebb::studies::buffers_study {

// Adam whose mean of gradients and mean of squares each see the penalty lambda w, or do not. Parameters are of f32 or
// f64 numbers, both means of f64 numbers.
class Split {
 public:
  // `place` of the penalty: "neither", "both", "mean" or "squares".
  Split(std::vector<Parameter*> all, const std::string& place, double lr, double lambda, double eps);
  void step();
  void set_lr(double lr) { lr_ = lr; }

 private:
  template <class Number>
  void update(std::size_t k);

  std::vector<Parameter*> all_;
  double lr_, eps_, in_mean_, in_squares_;
  std::vector<Tensor> m_, v_;
  int steps_ = 0;
};

// Where a/2 (w - 2)^2 rests.
double rest(const std::string& place, double a, double lambda);

// The first step of a weight of 1 whose gradient is g, without eps.
double first_step(const std::string& place, double g, double lambda);

// Linear 12 to 64, ReLU, linear to 4; f64.
struct Net : Layer {
  explicit Net(const Rng& rng);
  Var forward(const Var& x) override;
  Child<Linear> fc1, fc2;
};

// Steps on one batch along a cosine. Returns the accuracy on `fresh` in percent.
double trained(Net& net, const workloads::Batch& few, const workloads::Batch& fresh, const std::string& place,
               double lambda, std::int64_t steps);

}  // namespace ebb::studies::buffers_study
