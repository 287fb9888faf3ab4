// Weights with PyTorch's names: taken over exactly, or refused with the model as it was.
#include <algorithm>

#include "framework/nn/import_torch.h"
#include "framework/tensor/error.h"
#include "tests/fuzz/small_model.h"
#include "tests/fuzz/tensor_file.h"

namespace ebb::fuzz {
namespace {

bool same_state(const State& a, const State& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) {
    return x.first == y.first && std::ranges::equal(x.second.bytes(), y.second.bytes());
  });
}

Verdict run(const Bytes& input) {
  static const State start = small_model().state();
  return attempt([&] {
    const TensorFile file = parse_safetensors(input, "input");
    bool exact = false;
    try {
      exact = ebb::import_torch(small_model(), file.tensors, "input").exact();
      require(exact, "a strict import is exact or refused");
    } catch (const Error&) {
      require(same_state(small_model().state(), start), "a model that refuses weights stays as it was");
    }
    small_model().load_state(start);
    const LoadReport loose = ebb::import_torch(small_model(), file.tensors, "input",
                                               {.rename = {{"module.", ""}, {"head.", "fc."}}, .strict = Strict::no});
    require(!exact || loose.exact(), "what fits strictly fits");
    require(loose.loaded.size() + loose.extra.size() + loose.misshaped.size() <= file.tensors.size() + 1,
            "each tensor of a file stands in one list");
    small_model().load_state(start);
  });
}

std::map<std::string, Tensor> whole(const std::string& prefix) {
  return {{prefix + "conv.weight", Tensor::full({2, 1, 3, 3}, 0.5)},
          {prefix + "conv.bias", Tensor::full({2}, 0.25)},
          {prefix + "bn.weight", Tensor::full({2}, 1)},
          {prefix + "bn.bias", Tensor::full({2}, 0)},
          {prefix + "bn.running_mean", Tensor::full({2}, 0.1)},
          {prefix + "bn.running_var", Tensor::full({2}, 2)},
          {prefix + "bn.num_batches_tracked", Tensor::full({}, 3, DType::i64)},
          {prefix + "fc.weight", Tensor::full({3, 8}, -0.5)},
          {prefix + "fc.bias", Tensor::full({3}, 0.75)}};
}

std::vector<Bytes> seeds() {
  std::map<std::string, Tensor> doubles = whole("");
  doubles["fc.weight"] = Tensor::full({3, 8}, -0.5, DType::f64);
  doubles.erase("bn.num_batches_tracked");
  return {serialize_safetensors(whole("")), serialize_safetensors(whole("module.")), serialize_safetensors(doubles)};
}

}  // namespace

const Target import_torch{"import_torch", run, seeds, mutate_contents};

}  // namespace ebb::fuzz
