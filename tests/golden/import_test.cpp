// State dicts that PyTorch saved give PyTorch's logits.
#include <boost/test/unit_test.hpp>

#include "framework/compute/basic.h"
#include "framework/io/safetensors.h"
#include "framework/nn/export_torch.h"
#include "framework/nn/import_torch.h"
#include "framework/tensor/error.h"
#include "models/lenet.h"
#include "tests/golden/golden_cases.h"
#include "tests/golden/training_models.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tensors.h"

namespace ebb::golden {
namespace {

template <class Model>
void import_and_compare(const std::string& name) {
  const TensorFile file = load_safetensors(golden_path(name + "_logits.safetensors"));
  for (const DType dtype : {DType::f64, DType::f32}) {
    BOOST_TEST_CONTEXT(text(name, " in ", dtype)) {
      Model model{Rng(1)};
      model.to(dtype);
      model.eval();
      const LoadReport report = import_torch(model, golden_path(name + ".safetensors"));
      BOOST_TEST(report.exact(), report.text());
      const Var logits = model(cast(file.tensors.at("images"), dtype));
      BOOST_TEST(agrees(logits.value(), file.tensors.at("logits"), dtype == DType::f64 ? 1e-12 : 1e-5));
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(golden_import)

BOOST_AUTO_TEST_CASE(lenet) { import_and_compare<LeNet>("torch_lenet"); }

// What torch.save wrote under DistributedDataParallel and torch.compile differs in the names alone.
BOOST_AUTO_TEST_CASE(lenet_from_wrapped_names) {
  const State stored = load_safetensors(golden_path("torch_lenet.safetensors")).tensors;
  const TensorFile file = load_safetensors(golden_path("torch_lenet_logits.safetensors"));
  for (const std::string prefix : {"module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."}) {
    State wrapped;
    for (const auto& entry : stored) wrapped[prefix + entry.first] = entry.second;
    LeNet model{Rng(1)};
    model.to(DType::f64);
    BOOST_TEST(import_torch(model, wrapped, "PyTorch").exact());
    const Var logits = model(cast(file.tensors.at("images"), DType::f64));
    BOOST_TEST(agrees(logits.value(), file.tensors.at("logits"), 1e-12), prefix);
  }
}

// A state dict that was read is written as it was: every name, layout, type and bit.
template <class Model>
void export_again(const std::string& name) {
  Model model{Rng(1)};
  const State file = load_safetensors(golden_path(name + ".safetensors")).tensors;
  model.to(file.begin()->second.dtype());
  model(cast(load_safetensors(golden_path(name + "_logits.safetensors")).tensors.at("images"),
             file.begin()->second.dtype()));
  import_torch(model, file, "PyTorch");
  const test::TemporaryDirectory directory;
  export_torch(model, directory / "again.safetensors");
  const State again = load_safetensors(directory / "again.safetensors").tensors;
  BOOST_TEST(again.size() == file.size());
  for (const auto& [path, value] : file)
    BOOST_TEST(
        (again.contains(path) && again.at(path).dtype() == value.dtype() && test::same_bits(again.at(path), value)),
        name << ": " << path);
}

BOOST_AUTO_TEST_CASE(exported_again_a_state_dict_is_what_it_was) {
  export_again<LeNet>("torch_lenet");
  export_again<ConvNorm>("torch_conv_norm");
}

BOOST_AUTO_TEST_CASE(running_statistics) { import_and_compare<ConvNorm>("torch_conv_norm"); }

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::golden
