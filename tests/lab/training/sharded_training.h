// Small trainings that are cut into shards, alone and as several ranks.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "framework/io/checksum.h"
#include "framework/nn/group_norm.h"
#include "tests/lab/small_training.h"
#include "tests/support/ranks.h"
#include "tests/support/tensors.h"

namespace ebb::test {

// In f64, whatever the pictures are: what differs in the order of sums alone is then equal to within 1e-12.
class InF64 : public Layer {
 public:
  explicit InF64(std::unique_ptr<Layer> net) : net_(*this, "net", std::move(net)) { to(DType::f64); }
  Var forward(const Var& x) override { return net_(cast(x.value(), DType::f64)); }

 private:
  Child<Layer> net_;
};

enum class Norm { none, group, batch };

// Two convolutions on pictures of 6x6, norms behind them, dropout before and behind the first linear layer.
inline std::unique_ptr<Layer> small_net(Norm norm, DType dtype = DType::f32) {
  auto net = std::make_unique<Sequential>(Rng(5));
  for (const auto& [name, in] : {std::pair{"1", 1}, std::pair{"2", 8}}) {
    net->add<Conv2d>(text("conv", name), {.in = in, .out = 8, .padding = {1, 1}});
    if (norm == Norm::group) net->add<GroupNorm>(text("gn", name), {.groups = 4, .channels = 8});
    if (norm == Norm::batch) net->add<BatchNorm2d>(text("bn", name), {.channels = 8});
    net->add<ReLU>(text("relu", name));
  }
  net->add<Flatten>("flatten");
  net->add<Dropout>("dropout1", {.p = 0.25});
  net->add<Linear>("fc", {.in = 288, .out = 11});
  net->add<Dropout>("dropout2", {.p = 0.25});  // rows of 11: shards do not begin where Philox's groups do
  net->add<Linear>("head", {.in = 11, .out = 3});
  if (dtype == DType::f64) return std::make_unique<InF64>(std::move(net));
  return net;
}

// 70 pictures in batches of 16 unless `loading` says otherwise: the last one of an epoch has six.
struct ShardedTraining {
  using MakeNet = std::function<std::unique_ptr<Layer>()>;

  ShardedTraining(const MakeNet& net, const TrainerOptions& options, parallel::Communicator& ranks = parallel::alone(),
                  SgdOptions sgd = {}, LoaderOptions loading = {},
                  const TensorDataset& pictures = small_pictures(70, 1))
      : train(pictures, with_defaults(loading)),
        judged(small_pictures(30, 2), {.batch = 10, .shuffle = false}),
        model(net()),
        optimizer(*model, SmallTraining::with_defaults(sgd)),
        trainer(*model, optimizer, train, judged, options, ranks) {
    trainer.add(notes);
  }

  static LoaderOptions with_defaults(LoaderOptions o) {
    if (o.batch == LoaderOptions{}.batch) o.batch = 16;
    o.seed = 3;
    return o;
  }

  // Weights, state of the optimizer, averages, buffers; and everything of the log but times.
  std::string fingerprint() const {
    std::string out = sha256(trainer.save_state().tensors) + '\n';
    for (const StepResult& s : notes.steps) out += text(s.loss, ' ', s.mean_loss, ' ', s.updated, ' ', s.samples, '\n');
    for (const EpochResult& e : trainer.curve())
      out += text(e.train_loss, ' ', e.train_accuracy, ' ', e.evaluation_loss, ' ', e.evaluation_accuracy, '\n');
    for (const TrainEvent& e : notes.events) out += text(e.kind, ": ", e.text, '\n');
    return out;
  }

  Loader train, judged;
  std::unique_ptr<Layer> model;
  Sgd optimizer;
  Notes notes;
  Trainer trainer;
};

// What `run` gives on each of so many ranks.
template <class Run>
std::vector<std::string> on_ranks(int ranks, const Run& run) {
  std::vector<std::string> out(static_cast<std::size_t>(ranks));
  run_ranks(ranks, [&](parallel::Communicator& one) { out[static_cast<std::size_t>(one.rank())] = run(one); });
  return out;
}

// Keeps the gradients of each step.
struct GradientNotes : TrainObserver {
  explicit GradientNotes(Module& of) : model(of) {}
  void on_gradients(const Trainer&, const StepResult&) override {
    for (const NamedParameter& p : model.named_parameters()) gradients.push_back(p.parameter->grad().clone());
  }
  Module& model;
  std::vector<Tensor> gradients;
};

}  // namespace ebb::test
