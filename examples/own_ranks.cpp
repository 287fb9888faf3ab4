// A training on several processes with a main of one's own.
//
//     mpirun -np 2 own_ranks DIRECTORY [RUN]
//
// The directory holds MNIST's four files. Without mpirun it is a training of one process, with the same weights at its
// end. Rank 0 keeps the run directory; started again with the same RUN, on any number of ranks, it goes on where it
// was.
#include <exception>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include <ebb/data/mnist.h>
#include <ebb/framework/parallel/mpi.h>
#include <ebb/lab/runs/run_directory.h>
#include <ebb/lab/training/share_state.h>
#include <ebb/models/lenet.h>
#include <ebb/optim/sgd.h>

using namespace ebb;

int main(int argc, char** argv) try {
  const std::string directory = argc > 1 ? argv[1] : "";
  const std::filesystem::path run = argc > 2 ? argv[2] : "runs/own-ranks";

  // code: ranks
  std::unique_ptr<parallel::MpiRanks> mpi;
  if (parallel::started_by_mpi()) mpi = std::make_unique<parallel::MpiRanks>();
  parallel::Communicator& ranks = mpi ? *mpi : parallel::alone();

  // All ranks make the same objects; the batch is the whole one, of which each computes its shards.
  const Loader train(Mnist(directory, Split::train), {.batch = 64, .seed = 1});
  const Loader test(Mnist(directory, Split::test), {.batch = 500, .shuffle = false});
  LeNet model(Rng(1));
  Sgd optimizer(decay_weights_only(model, decoupled_lr(2e-3)), {.lr = 0.04, .momentum = 0.9});
  Trainer trainer(model, optimizer, train, test, {.epochs = 2, .shards = 4}, ranks);

  // One of them keeps the run, and gives the others the state that it goes on from.
  std::optional<RunDirectory> kept;
  if (ranks.rank() == 0) {
    const bool begun = std::filesystem::exists(run / "checkpoints");
    kept.emplace(run, begun ? RunDirectory::Open::existing : RunDirectory::Open::fresh);
    kept->resume(trainer);
  }
  share_state(trainer, ranks);
  if (kept) trainer.add(*kept);
  trainer.run();
  const std::string weights = trainer.summary().weights_sha256;  // evaluates, so all ranks ask
  if (ranks.rank() == 0) std::cout << "weights " << weights << '\n';
  // code: end
} catch (const std::exception& error) {
  // A process that ends without having left the others makes the launcher end all.
  std::cerr << error.what() << '\n';
  return 1;
}
