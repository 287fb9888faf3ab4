// A training with a main of one's own: the Trainer goes step by step, a run directory keeps what it needs to go on, and
// an observer looks on.
//
//     own_training DIRECTORY [RUN]
//
// The directory holds MNIST's four files, or Fashion-MNIST's. Started again with the same RUN it goes on where it was.
#include <exception>
#include <filesystem>
#include <iostream>

#include <ebb/data/mnist.h>
#include <ebb/lab/runs/run_directory.h>
#include <ebb/lab/training/trainer.h>
#include <ebb/models/lenet.h>
#include <ebb/optim/sgd.h>

using namespace ebb;

// code: observer
// Prints the loss every hundred batches.
class Watcher : public TrainObserver {
 public:
  void on_step(const Trainer&, const StepResult& step) override {
    if (step.step % 100 == 0) std::cout << "batch " << step.step << ": loss " << step.mean_loss << '\n';
  }
  void on_epoch(const Trainer&, const EpochResult& epoch) override {
    std::cout << "epoch " << epoch.epoch << ": test accuracy " << 100 * epoch.evaluation_accuracy << " %\n";
  }
};
// code: end

int main(int argc, char** argv) try {
  const std::string directory = argc > 1 ? argv[1] : "";
  const std::filesystem::path run = argc > 2 ? argv[2] : "runs/own";

  // code: trainer
  const Loader train(Mnist(directory, Split::train), {.batch = 64, .seed = 1, .augment = {.translate = 2}});
  const Loader test(Mnist(directory, Split::test), {.batch = 500, .shuffle = false});
  LeNet model(Rng(1));
  Sgd optimizer(decay_weights_only(model, decoupled_lr(2e-3)),
                {.lr = 0.04, .momentum = 0.9, .schedule = cosine(3 * train.batches())});
  Trainer trainer(model, optimizer, train, test, {.epochs = 3, .ema = EmaOptions{.keep = 0.99}});

  Watcher watcher;
  trainer.add(watcher);
  while (!trainer.done()) trainer.step();
  std::cout << "test accuracy " << 100 * trainer.summary().test_accuracy << " %\n";
  // code: end

  // code: directory
  LeNet fresh(Rng(1));
  Sgd same(decay_weights_only(fresh, decoupled_lr(2e-3)),
           {.lr = 0.04, .momentum = 0.9, .schedule = cosine(3 * train.batches())});
  Trainer again(fresh, same, train, test, {.epochs = 3, .ema = EmaOptions{.keep = 0.99}});
  const bool begun = std::filesystem::exists(run / "checkpoints");
  RunDirectory kept(run, begun ? RunDirectory::Open::existing : RunDirectory::Open::fresh, {.minutes = 1});
  kept.resume(again);  // from the newest checkpoint, if there is one
  again.add(kept);
  again.run();
  std::cout << "weights " << again.summary().weights_sha256 << '\n';
  // code: end
  if (again.summary().weights_sha256 != trainer.summary().weights_sha256) {
    std::cerr << "the two trainings differ\n";
    return 1;
  }
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
