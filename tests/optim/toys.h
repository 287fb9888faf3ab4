// Small parameters and straight-line references for the optimizer tests.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "framework/autograd/parameter.h"
#include "framework/compute/basic.h"
#include "lab/study/toys.h"
#include "optim/adadelta.h"
#include "optim/adagrad.h"
#include "optim/adam.h"
#include "optim/lamb.h"
#include "optim/lars.h"
#include "optim/lion.h"
#include "optim/muon.h"
#include "optim/nadam.h"
#include "optim/radam.h"
#include "optim/rmsprop.h"
#include "optim/sgd.h"

namespace ebb::test {

using toys::parameter;
using toys::quadratic_gradient;
using toys::set_gradient;
using toys::zero_gradient;

// A parameter of normal numbers.
inline std::unique_ptr<Parameter> random_parameter(const std::string& name, const Shape& shape, std::uint64_t seed,
                                                   DType dtype = DType::f64, Role role = Role::weight) {
  return toys::random_parameter(name, shape, Rng(seed), dtype, role);
}

// How to make each optimizer with a decay and a schedule; base lr 0.1 throughout.
struct Maker {
  std::string name;
  std::function<std::unique_ptr<Optimizer>(Groups, Decay, Schedule)> make;
  double momentum = 0;         // of the heavy-ball recursion, where it has one
  bool second_moment = false;  // whether it divides by a second moment
};

inline std::vector<Maker> makers() {
  std::vector<Maker> list;
  const auto add = [&](const char* name, double momentum, bool second, auto make) {
    list.push_back({name, make, momentum, second});
  };
  add("sgd", 0, false, [](Groups g, Decay d, Schedule s) {
    return std::unique_ptr<Optimizer>(new Sgd(g, {.lr = 0.1, .schedule = s, .decay = d}));
  });
  add("momentum", 0.9, false, [](Groups g, Decay d, Schedule s) {
    return std::unique_ptr<Optimizer>(new Sgd(g, {.lr = 0.1, .momentum = 0.9, .schedule = s, .decay = d}));
  });
  add("dampened", 0.9, false, [](Groups g, Decay d, Schedule s) {
    return std::unique_ptr<Optimizer>(
        new Sgd(g, {.lr = 0.1, .momentum = 0.9, .dampening = 0.5, .schedule = s, .decay = d}));
  });
  add("nesterov", 0.9, false, [](Groups g, Decay d, Schedule s) {
    return std::unique_ptr<Optimizer>(
        new Sgd(g, {.lr = 0.1, .momentum = 0.9, .nesterov = true, .schedule = s, .decay = d}));
  });
  add("sgdp", 0.9, false, [](Groups g, Decay d, Schedule s) {
    return std::unique_ptr<Optimizer>(
        new Sgd(g, {.lr = 0.1, .momentum = 0.9, .schedule = s, .decay = d, .projection = Projection{}}));
  });
  add("adam", 0, true, [](Groups g, Decay d, Schedule s) {
    return std::unique_ptr<Optimizer>(new Adam(g, {.lr = 0.1, .schedule = s, .decay = d}));
  });
  add("amsgrad", 0, true, [](Groups g, Decay d, Schedule s) {
    return std::unique_ptr<Optimizer>(new Adam(g, {.lr = 0.1, .amsgrad = true, .schedule = s, .decay = d}));
  });
  add("adamw", 0, true, [](Groups g, Decay d, Schedule s) {
    return std::unique_ptr<Optimizer>(new AdamW(g, {.lr = 0.1, .schedule = s, .decay = d}));
  });
  add("adamp", 0, true, [](Groups g, Decay d, Schedule s) {
    return std::unique_ptr<Optimizer>(new Adam(g, {.lr = 0.1, .schedule = s, .decay = d, .projection = Projection{}}));
  });
  add("nadam", 0, true, [](Groups g, Decay d, Schedule s) {
    return std::unique_ptr<Optimizer>(new NAdam(g, {.lr = 0.1, .schedule = s, .decay = d}));
  });
  add("radam", 0, true, [](Groups g, Decay d, Schedule s) {
    return std::unique_ptr<Optimizer>(new RAdam(g, {.lr = 0.1, .schedule = s, .decay = d}));
  });
  add("rmsprop", 0, true, [](Groups g, Decay d, Schedule s) {
    return std::unique_ptr<Optimizer>(new RmsProp(g, {.lr = 0.1, .schedule = s, .decay = d}));
  });
  add("rmsprop, centered, momentum", 0, true, [](Groups g, Decay d, Schedule s) {
    return std::unique_ptr<Optimizer>(
        new RmsProp(g, {.lr = 0.1, .momentum = 0.5, .centered = true, .schedule = s, .decay = d}));
  });
  add("adagrad", 0, true, [](Groups g, Decay d, Schedule s) {
    return std::unique_ptr<Optimizer>(new Adagrad(g, {.lr = 0.1, .schedule = s, .decay = d}));
  });
  add("adadelta", 0, true, [](Groups g, Decay d, Schedule s) {
    return std::unique_ptr<Optimizer>(new Adadelta(g, {.lr = 0.1, .schedule = s, .decay = d}));
  });
  add("lion", 0, false, [](Groups g, Decay d, Schedule s) {
    return std::unique_ptr<Optimizer>(new Lion(g, {.lr = 0.1, .schedule = s, .decay = d}));
  });
  add("lars", 0.9, false, [](Groups g, Decay d, Schedule s) {
    return std::unique_ptr<Optimizer>(new Lars(g, {.lr = 0.1, .schedule = s, .decay = d}));
  });
  add("lamb", 0, true, [](Groups g, Decay d, Schedule s) {
    return std::unique_ptr<Optimizer>(new Lamb(g, {.lr = 0.1, .schedule = s, .decay = d}));
  });
  add("muon", 0, false, [](Groups g, Decay d, Schedule s) {
    return std::unique_ptr<Optimizer>(new Muon(g, {.lr = 0.1, .schedule = s, .decay = d}));
  });
  return list;
}

}  // namespace ebb::test
