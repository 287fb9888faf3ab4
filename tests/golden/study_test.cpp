// Fifty steps of the net of the studies against PyTorch's, and what a diagnosis says of them against numbers that were
// measured there: the trainings of make_study_golden.py.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <numbers>
#include <vector>

#include "lab/diagnose/diagnostics.h"
#include "lab/diagnose/moments.h"
#include "lab/study/workloads.h"
#include "optim/adam.h"
#include "optim/sgd.h"
#include "tests/golden/recorded.h"

namespace ebb::golden::study_test {
namespace {

constexpr double columns = 1e-7;
const std::vector<std::string> layers{"conv1", "conv2"};

// A training as its golden file describes it, but for the optimizer.
struct RecordedTraining : Recorded {
  explicit RecordedTraining(const std::string& name) : Recorded(name) {
    kept = settings.at("kept").get<std::vector<std::int64_t>>();
    for (std::int64_t i = 0; i < number("batches"); ++i)
      batches.push_back({wide(text("images", i)), at(text("labels", i))});
  }

  std::vector<std::int64_t> kept;
  std::vector<workloads::Batch> batches;
};

// Norm, gradient and rotation of each channel of the convolutions, step by step.
class Channels : public StepObserver {
 public:
  void before(const ParameterState& p, const Step& /*step*/) override { was_[p.path] = p.parameter->value().clone(); }
  void after(const ParameterState& p, const Step& /*step*/) override {
    if (!p.path.starts_with("conv")) return;
    const ChannelView view = channel_view(*p.parameter);
    std::vector<Moments> moments(static_cast<std::size_t>(view.channels()));
    measure_moments(view, {.before = was_.at(p.path), .after = p.parameter->value(), .gradient = p.parameter->grad()},
                    moments.data());
    const std::string layer = p.path.substr(0, p.path.find('.'));
    for (const Moments& m : moments) {
      seen[layer + "/norm"].push_back(std::sqrt(m.ww));
      seen[layer + "/gradient"].push_back(std::sqrt(m.gg));
      seen[layer + "/angle"].push_back(m.angle() * 180 / std::numbers::pi);
    }
  }

  std::map<std::string, std::vector<double>> seen;

 private:
  std::map<std::string, Tensor> was_;
};

// What a training came to.
struct Trained {
  std::vector<double> losses;
  std::map<std::int64_t, State> states;
  std::map<std::string, std::vector<double>> channels;
  std::vector<DiagnosisRow> rows;
};

using Make = std::function<std::unique_ptr<Optimizer>(const RecordedTraining&, Module&)>;

Trained train(const RecordedTraining& recorded, const Make& make) {
  workloads::SmallCnn model({.side = recorded.number("side"), .width = {4, 8}}, Rng(1));
  model.to(DType::f64);
  begin(recorded, "0/", model);
  const std::unique_ptr<Optimizer> optimizer = make(recorded, model);
  const Audit positions = audit(model, recorded.batches[0].x, recorded.batches[0].labels, optimizer.get());
  Diagnostics diagnostics(*optimizer, positions, {.every = 1, .window = recorded.number("window")});
  Channels channels;
  optimizer->add(channels);
  Trained out;
  for (std::int64_t step = 0; step < recorded.number("steps"); ++step) {
    const workloads::Batch& batch = recorded.batches[static_cast<std::size_t>(step) % recorded.batches.size()];
    out.losses.push_back(workloads::gradients(model, batch));
    optimizer->step();
    if (std::ranges::find(recorded.kept, step + 1) != recorded.kept.end()) out.states[step + 1] = model.state();
  }
  out.channels = std::move(channels.seen);
  out.rows = diagnostics.rows();
  return out;
}

Groups table(const RecordedTraining& recorded, Module& model, Decay (*kind)(Lambda),
             const Schedule& times = constant()) {
  return groups(model, {{"filters", path("conv*.weight"), {.decay = kind(recorded["filters"] * times)}},
                        {"rest", everything_else(), {.decay = kind(recorded["rest"] * times)}}});
}

std::unique_ptr<Optimizer> momentum(const RecordedTraining& r, Groups groups) {
  return std::make_unique<Sgd>(std::move(groups), SgdOptions{.lr = r["lr"], .momentum = r["momentum"]});
}

std::unique_ptr<Optimizer> adam(const RecordedTraining& r, Groups groups, Schedule schedule) {
  return std::make_unique<Adam>(std::move(groups), AdamOptions{.lr = r["lr"], .schedule = std::move(schedule)});
}

// The greatest difference of any kept tensor, as a share of its largest number.
double farthest(const RecordedTraining& recorded, const Trained& trained) {
  double worst = 0;
  for (const auto& [step, state] : trained.states) worst = std::max(worst, off(recorded, text(step, '/'), state));
  return worst;
}

const ChannelSpread& column(const DiagnosisRow& row, const std::string& what) {
  return what == "norm" ? row.norm : what == "angle" ? row.angle : row.gradient;
}

void require_agreement(const RecordedTraining& recorded, const Trained& trained) {
  BOOST_TEST(trained.states.size() == recorded.kept.size());
  std::size_t tensors = 0;
  for (const auto& [key, tensor] : recorded.file.tensors) tensors += key.starts_with("50/");
  BOOST_TEST(tensors == 12u);
  BOOST_TEST(farthest(recorded, trained) < weights);
  BOOST_TEST(off(trained.losses, recorded.at("losses")) < weights);
  for (const std::string& layer : layers)
    for (const std::string what : {"norm", "gradient", "angle"}) {
      const std::string key = layer + '/' + what;
      BOOST_TEST_CONTEXT(key) {
        BOOST_TEST(off(trained.channels.at(key), recorded.at(key)) < columns);
        std::vector<double> spreads;
        for (const DiagnosisRow& row : trained.rows) {
          if (row.parameter != layer + ".weight") continue;
          BOOST_TEST(row.position == "feeds_norm");
          const ChannelSpread& spread = column(row, what);
          spreads.insert(spreads.end(), {spread.median, spread.low, spread.high});
        }
        BOOST_TEST(off(spreads, recorded.at(key + " by window")) < columns);
      }
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(against_pytorch)

BOOST_AUTO_TEST_CASE(momentum_with_coupled_decay_at_a_constant_rate) {
  const RecordedTraining recorded("study_equilibrium");
  require_agreement(recorded, train(recorded, [](const RecordedTraining& r, Module& model) {
                      return momentum(r, table(r, model, coupled_l2));
                    }));
}

BOOST_AUTO_TEST_CASE(adamw_along_a_cosine) {
  const RecordedTraining recorded("study_schedules");
  require_agreement(recorded, train(recorded, [](const RecordedTraining& r, Module& model) {
                      return adam(r, table(r, model, decoupled_lr), cosine(r.number("steps")));
                    }));
}

// What else might have been meant is told apart by far.
BOOST_AUTO_TEST_CASE(other_forms_of_decay_and_of_means_are_told_apart) {
  const RecordedTraining recorded("study_equilibrium");
  // Momentum of gradients alone, with decay of the same timescale beside it.
  const auto beside = [](const RecordedTraining& r, Module& model) {
    return momentum(r, table(r, model, decoupled_lr,
                             Schedule("longer", [mu = r["momentum"]](std::int64_t) { return 1 / (1 - mu); })));
  };
  BOOST_TEST(farthest(recorded, train(recorded, beside)) > effect * weights);
  // The mean over a window in place of its root mean square.
  for (const std::string& layer : layers) {
    const Tensor angles = recorded.at(layer + "/angle");
    const std::int64_t window = recorded.number("window"), windows = angles.dim(0) / window;
    double most = 0;
    for (std::int64_t w = 0; w < windows; ++w)
      for (std::int64_t c = 0; c < angles.dim(1); ++c) {
        double sum = 0, square = 0;
        for (std::int64_t i = w * window; i < (w + 1) * window; ++i) {
          const double angle = angles.at({i, c});
          sum += angle / static_cast<double>(window), square += angle * angle / static_cast<double>(window);
        }
        most = std::max(most, std::sqrt(square) / sum - 1);
      }
    BOOST_TEST(most > effect * columns);
  }

  const RecordedTraining cosines("study_schedules");
  const auto at_step = [&](std::int64_t lag) {
    return [=](const RecordedTraining& r, Module& model) {
      const Schedule falls = cosine(r.number("steps"));
      // lambda times what makes decay's lr that of another step.
      const Schedule other("of another step", [falls, lag](std::int64_t t) { return falls(t + lag) / falls(t); });
      return adam(r, table(r, model, decoupled_lr, other), falls);
    };
  };
  BOOST_TEST(farthest(cosines, train(cosines, at_step(1))) > effect * weights);
  BOOST_TEST(farthest(cosines, train(cosines, at_step(0))) < weights);
  BOOST_TEST(farthest(cosines, train(cosines, [](const RecordedTraining& r, Module& model) {
                        return adam(r, table(r, model, coupled_l2), cosine(r.number("steps")));
                      })) > effect * weights);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::golden::study_test
