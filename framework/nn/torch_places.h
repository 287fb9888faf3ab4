// Where and how tensors of a model stand in a state dict of PyTorch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "framework/nn/module.h"

namespace ebb::detail {

// How PyTorch stores a tensor of ours.
enum class TorchLayout : std::uint8_t { same, linear, convolution, transposed_convolution };

// A tensor of the model, and where and how it stands in the file.
struct TorchPlace {
  Tensor* tensor = nullptr;
  std::vector<std::string> names = {};
  TorchLayout layout = TorchLayout::same;
  Shape image = {};  // [h, w, c] when the first axis numbers the elements of flattened images
  bool may_be_missing = false;

  Shape torch_shape() const;
  Tensor from_torch(const Tensor& stored) const;  // The file's numbers in our layout and dtype.
  Tensor to_torch() const;                        // The inverse: ours in PyTorch's layout, a copy.
};

// \throws Error naming `where` when a Flatten has not seen an image that names need.
std::vector<TorchPlace> torch_places(Module& model, std::string_view where);

}  // namespace ebb::detail
