// What the study of a sphere in place of decay trains and measures: for it, and for the test that repeats it elsewhere.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "framework/autograd/parameter.h"
#include "lab/study/workloads.h"

namespace ebb::studies::hyperball_study {

// Of step number i, of the shape of a weight.
using Directions = std::function<Tensor(std::int64_t i)>;

// Steps of a weight that is kept on its sphere, along gradients at right angles to it.
struct Turns {
  std::vector<double> angles;  // of each step
  double longer = 0;           // the greatest change of the length, as a share of it
};
Turns turns(Parameter& w, double rate, std::int64_t steps, const Directions& directions);

// A training, and when its direction is looked at.
struct Walk {
  std::int64_t steps = 12000, from = 1000, every = 100, most = 800;
};

// How a direction is forgotten under gradients as in front of a norm, under AdamW or on the sphere: mean of the cosine
// with that of some steps before.
std::map<std::int64_t, double> forgotten(Parameter& w, bool sphere, const Walk& walk, const Directions& directions);

// A training set, and the accuracy on another one in percent.
struct Task {
  std::int64_t epochs = 0, judged = 0;  // the last ones
  std::function<std::vector<workloads::Batch>(std::int64_t epoch)> batches;
  std::function<double(Layer&)> accuracy;
};

// Means over the epochs that are judged.
struct Came {
  double loss = 0, accuracy = 0;
};

// `way`: "decay", or the rotation on the sphere as a multiple of that of decay at rest.
Came train(workloads::BnMlp& model, const std::string& way, const Task& task);

}  // namespace ebb::studies::hyperball_study
