// A training in shards beside PyTorch's DistributedDataParallel. Skipped where PyTorch is not installed;
// EBB_TORCH_PYTHON names a Python that has it.
#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "framework/io/safetensors.h"
#include "tests/lab/program.h"
#include "tests/lab/training/sharded_training.h"
#include "tests/support/temporary_directory.h"

namespace ebb {
namespace {

// Without dropout, whose masks are each library's own.
std::unique_ptr<Layer> net() {
  auto net = std::make_unique<Sequential>(Rng(5));
  net->add<Conv2d>("conv1", {.in = 1, .out = 8, .padding = {1, 1}});
  net->add<BatchNorm2d>("bn1", {.channels = 8});
  net->add<ReLU>("relu1");
  net->add<Conv2d>("conv2", {.in = 8, .out = 8, .padding = {1, 1}});
  net->add<BatchNorm2d>("bn2", {.channels = 8});
  net->add<ReLU>("relu2");
  net->add<Flatten>("flatten");
  net->add<Linear>("fc", {.in = 288, .out = 3});
  return std::make_unique<test::InF64>(std::move(net));
}

BOOST_AUTO_TEST_SUITE(ddp_slow)

State copy_of(Module& model) {
  State out = model.state();
  for (auto& [path, tensor] : out) tensor = tensor.clone();
  return out;
}

// Two processes of PyTorch, each with half of every batch and norms over it, from the same weights through the same
// batches: 20 steps of momentum with an L2 penalty.
BOOST_AUTO_TEST_CASE(weights_after_twenty_steps_are_those_of_pytorch) {
  const test::TemporaryDirectory directory;
  const TensorDataset pictures = test::small_pictures(64, 1);
  const Loader loader(pictures, {.batch = 16, .seed = 3});
  const auto train = [&](BatchNormOver over, parallel::Communicator& ranks, State* begin) {
    const std::unique_ptr<Layer> model = net();
    if (begin != nullptr) *begin = copy_of(*model);
    Sgd optimizer(*model, {.lr = 0.05, .momentum = 0.9, .decay = coupled_l2(1e-2)});
    Trainer trainer(*model, optimizer, loader, loader, {.epochs = 5, .shards = 2, .batch_norm_over = over}, ranks);
    trainer.run();
    test::require(trainer.batches_done() == 20, "20 steps");
    return copy_of(*model);
  };
  State begin;
  const State end = train(BatchNormOver::shard, parallel::alone(), &begin);
  test::run_ranks(2, [&](parallel::Communicator& one) {
    test::require(sha256(train(BatchNormOver::shard, one, nullptr)) == sha256(end), "two ranks as one");
  });
  std::map<std::string, Tensor> batches;
  for (std::int64_t epoch = 0; epoch < 5; ++epoch)
    for (std::int64_t i = 0; i < loader.batches(); ++i) {
      const Batch batch = loader.epoch(epoch)[i];
      batches[text("images", epoch * loader.batches() + i)] = batch.images;
      batches[text("labels", epoch * loader.batches() + i)] = batch.labels;
    }
  save_safetensors(directory.path() / "begin.safetensors", begin);
  save_safetensors(directory.path() / "batches.safetensors", batches);
  save_safetensors(directory.path() / "end.safetensors", end);
  save_safetensors(directory.path() / "synchronised.safetensors",
                   train(BatchNormOver::batch, parallel::alone(), nullptr));
  const char* const python = std::getenv("EBB_TORCH_PYTHON");
  const test::Finished done = test::shell(text(python != nullptr ? python : "python3", " -B ", EBB_SOURCE_DIR,
                                               "/tests/golden/ddp_check.py ", directory.path().string()));
  BOOST_TEST_MESSAGE(done.output);
  BOOST_TEST((done.status == 0 || done.status == 77), done.output);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
