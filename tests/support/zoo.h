// Models of the registry for tests of inference: with statistics, scales and shifts that are not those of a fresh norm.
#pragma once

#include <memory>
#include <string>

#include "framework/compute/basic.h"
#include "models/registry.h"

namespace ebb::test {

// The images that a model of the registry is for.
inline Shape zoo_image(const std::string& model) {
  const bool grey = model == "lenet" || model == "mnistcnn" || model == "mlp" || model == "linear";
  return grey ? Shape{28, 28, 1} : Shape{32, 32, 3};
}

// The model in inference mode, every norm as if it had been trained.
inline std::unique_ptr<Layer> with_statistics(std::unique_ptr<Layer> model, const Rng& rng) {
  for (const NamedParameter& p : model->named_parameters()) {
    if (p.parameter->role() == Role::norm_scale) fill_uniform(p.parameter->value(), rng.at(p.path), 0.5, 1.5);
    if (p.parameter->role() == Role::norm_shift) fill_uniform(p.parameter->value(), rng.at(p.path), -0.5, 0.5);
  }
  for (const NamedBuffer& b : model->named_buffers()) {
    if (b.path.ends_with("running_mean")) fill_uniform(b.buffer->value(), rng.at(b.path), -0.5, 0.5);
    if (b.path.ends_with("running_variance")) fill_uniform(b.buffer->value(), rng.at(b.path), 0.5, 2);
  }
  model->eval();
  return model;
}

// A model of the registry like that.
inline std::unique_ptr<Layer> zoo_model(const std::string& name, DType dtype = DType::f32) {
  const Rng rng(1);
  auto model = with_statistics(make_model(name, {.image = zoo_image(name), .classes = 10}, rng.at("model")), rng);
  if (dtype != DType::f32) model->to(dtype);
  return model;
}

}  // namespace ebb::test
