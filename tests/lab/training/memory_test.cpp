// The memory that a training needs: estimated before it begins, refused where there is less, and missed on the way.
#include "lab/training/memory_estimate.h"

#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "data/image_dataset.h"
#include "framework/io/checksum.h"
#include "framework/tensor/memory.h"
#include "framework/tensor/memory_limits.h"
#include "lab/runs/checkpoints.h"
#include "lab/setup/session.h"
#include "models/registry.h"
#include "optim/adam.h"
#include "tests/lab/program.h"
#include "tests/support/errors.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;
using test::Finished;
using test::has;
using test::SmallData;

// A training of three batches in an epoch.
struct SomeTraining {
  SomeTraining(const std::string& name, const Shape& sample, std::int64_t batch, const TrainerOptions& options = {},
               std::int64_t prefetch = LoaderOptions{}.prefetch)
      : train(images(sample, 3 * batch), {.batch = batch, .seed = 1, .prefetch = prefetch}),
        judged(images(sample, batch), {.batch = batch, .shuffle = false, .prefetch = prefetch}),
        model(make_model(name, {.image = sample, .classes = 10}, Rng(1))),
        optimizer(*model, {}),
        trainer(*model, optimizer, train, judged, options) {}

  static ImageDataset images(const Shape& sample, std::int64_t count) {
    Tensor pixels(sample.insert(0, count), DType::u8), labels = Tensor::zeros({count}, DType::u8);
    for (std::int64_t i = 0; i < pixels.size(); ++i)
      pixels.mutable_data<std::uint8_t>()[i] = static_cast<std::uint8_t>(i * 37 % 256);
    return ImageDataset(pixels, labels, std::vector<std::string>(10, "class"), fit_statistics(pixels));
  }

  MemoryEstimate estimate(std::int64_t batch) {
    return estimate_memory(*model, optimizer, trainer.options(), train, batch);
  }

  Loader train, judged;
  std::unique_ptr<Layer> model;
  Adam optimizer;
  Trainer trainer;
};

struct Faulty : Layer {
  Var forward(const Var&) override { fail("faulty", "images", "nothing"); }
};

// The second one of some that never exchange anything.
class Rank : public parallel::Communicator {
 public:
  explicit Rank(int size) : size_(size) {}
  int rank() const override { return 1; }
  int size() const override { return size_; }
  void broadcast(std::span<std::byte>, int) override {}
  void gather(std::span<const std::byte>, std::span<const std::int64_t>, std::span<std::byte>) override {}
  void exchange(std::span<const std::byte>, std::span<const std::int64_t>, std::span<std::byte>,
                std::span<const std::int64_t>) override {}

 private:
  int size_;
};

BOOST_AUTO_TEST_SUITE(memory_estimates)

// What the pool has taken from the system when the training is over, checkpoints included.
BOOST_AUTO_TEST_CASE(they_come_near_the_measured_need) {
  const Shape digit{28, 28, 1}, picture{32, 32, 3};
  for (const auto& [name, sample, batch] : {std::tuple{"lenet", digit, 100},
                                            {"lenet", digit, 400},
                                            {"mlp", digit, 40},
                                            {"mnistcnn", digit, 50},
                                            {"mnistcnn", digit, 200},
                                            {"resnet8", picture, 40}}) {
    for (const bool rollback : {false, true}) {
      if (rollback && batch == 200) continue;  // overestimated by more, which refuses nothing that is usual
      // How much of a loop a second thread gets, and how many batches wait, depends on what else runs; alone one thread
      // needs the same memory every time.
      parallel::set_thread_count(rollback ? 2 : 1);
      SomeTraining t(name, sample, batch,
                     {.epochs = 2,
                      .keep_best = rollback,
                      .non_finite = rollback ? OnNonFinite::rollback : OnNonFinite::abort,
                      .snapshot_every = 1},
                     rollback ? LoaderOptions{}.prefetch : std::int64_t{0});
      const std::string before = sha256(t.model->state());
      const MemoryEstimate estimate = t.estimate(batch);
      BOOST_TEST(sha256(t.model->state()) == before);
      for (Parameter* const p : t.model->parameters()) BOOST_TEST(!p->grad().defined());
      memory::release_kept();
      const auto held = memory::stats().system_bytes;
      while (!t.trainer.done()) {
        t.trainer.step();
        const TrainState written = t.trainer.save_state();
        State read_back;
        for (const auto& [path, tensor] : written.tensors) read_back[path] = tensor.clone();
      }
      const auto need = static_cast<double>(memory::stats().system_bytes - held);
      BOOST_TEST_MESSAGE(name << " of " << batch << ": " << bytes_text(static_cast<std::int64_t>(need))
                              << ", estimated " << bytes_text(static_cast<std::int64_t>(estimate.need)));
      // Beside the pool a process was seen to grow by one to two MiB.
      const double ratio = static_cast<double>(estimate.total()) / (need + (2 << 20));
      // On a busy machine a thread may get no block of a loop, here or in what is estimated from, and then needs no
      // memory for one.
      BOOST_TEST(ratio > (rollback ? 0.85 : 0.95), name << " of " << batch << ": " << ratio);
      BOOST_TEST((rollback || ratio < 1.4), name << " of " << batch << ": " << ratio);
    }
  }
}

BOOST_AUTO_TEST_CASE(they_lie_on_a_line) {
  const MemoryEstimate e{.batch = 100, .need = 3e6, .for_image = 2e4};
  BOOST_TEST(e.total() - e.total(50) == 1'050'000);
  BOOST_TEST(largest_batch(e, e.total(60)) == 60);
  BOOST_TEST(largest_batch(e, e.total(60) - 1) == 59);
  BOOST_TEST(largest_batch(e, e.total(0) - 1) == 0);
  BOOST_TEST(test::fails_with({"batches of 0"}, [] { SomeTraining("lenet", {28, 28, 1}, 4).estimate(0); }));
  // A model that the images do not suit is no lack of memory.
  Faulty faulty;
  SomeTraining t("lenet", {28, 28, 1}, 4);
  BOOST_TEST(test::fails_with({"[faulty]"}, [&] { estimate_memory(faulty, t.optimizer, {}, t.train, 4); }));
}

// In shards a step needs the activations of one of them, or those of a rank's part where they compute together.
BOOST_AUTO_TEST_CASE(shards_need_less) {
  parallel::set_thread_count(1);
  SomeTraining whole("mnistcnn", {28, 28, 1}, 256, {}, 0);
  const auto need = [&](const TrainerOptions& options, const parallel::Communicator& ranks) {
    return estimate_memory(*whole.model, whole.optimizer, options, whole.train, 256, ranks).need;
  };
  const Rank half(2);
  const double all = need({}, parallel::alone()), cut = need({.shards = 8}, parallel::alone()),
               cut_half = need({.shards = 8}, half),
               together = need({.shards = 8, .batch_norm_over = BatchNormOver::batch}, parallel::alone()),
               together_half = need({.shards = 8, .batch_norm_over = BatchNormOver::batch}, half);
  BOOST_TEST_MESSAGE(all << " in shards " << cut << ", half of them " << cut_half << ", together " << together
                         << ", half of them " << together_half);
  BOOST_TEST(cut < 0.9 * all);  // evaluations go through whole batches
  BOOST_TEST(cut_half < 0.9 * all);
  BOOST_TEST(together > 1.1 * all);
  BOOST_TEST(together_half < 0.9 * together);
  for (const auto& [options, estimated] :
       {std::pair{TrainerOptions{.epochs = 1, .shards = 8}, cut},
        std::pair{TrainerOptions{.epochs = 1, .shards = 8, .batch_norm_over = BatchNormOver::batch}, together}}) {
    SomeTraining t("mnistcnn", {28, 28, 1}, 256, options, 0);
    memory::release_kept();
    const auto held = memory::stats().system_bytes;
    while (!t.trainer.done()) t.trainer.step();
    const auto measured = static_cast<double>(memory::stats().system_bytes - held);
    // The sums of gradients stand beside the pool, and checkpoints were not made.
    BOOST_TEST_MESSAGE("estimated " << estimated << ", measured " << measured);
    BOOST_TEST(estimated > 0.95 * measured);
    BOOST_TEST(estimated < 1.6 * measured);
  }
  parallel::set_thread_count(2);
}

// A quarter of a rehearsal's batch, in as many shards as it has samples, before norms of maps of one pixel: no rank may
// refuse what others train.
BOOST_AUTO_TEST_CASE(norms_of_single_pixels_are_rehearsed_in_any_shards) {
  SomeTraining t("mobilenetv2", {8, 8, 1}, 64);
  for (const BatchNormOver over : {BatchNormOver::shard, BatchNormOver::batch})
    for (const int ranks : {1, 2, 4}) {
      const Rank one(ranks);
      const parallel::Communicator& all =
          ranks == 1 ? parallel::alone() : static_cast<const parallel::Communicator&>(one);
      const TrainerOptions options{.shards = 4, .batch_norm_over = over};
      BOOST_CHECK_NO_THROW(estimate_memory(*t.model, t.optimizer, options, t.train, 4, all));
      BOOST_CHECK_NO_THROW(estimate_memory(*t.model, t.optimizer, options, t.train, 64, all));
    }
}

BOOST_AUTO_TEST_CASE(ranks_of_a_machine_share_it) {
  const std::vector<RankMemory> fine{{"a", 60, 100, 0}, {"b", 50, 100, 0}, {"b", 50, 110, 0}};
  require_memory(fine, 64);
  std::vector<RankMemory> tight = fine;
  tight[1].need = 51 << 20;
  tight[2].batch = 40;
  tight[1].batch = 50;
  BOOST_TEST(test::fails_with({"a need of 2 ranks on b of about 51.0 MiB for batches of 64", "100 B available",
                               "the largest batch that fits is 40: --batch 40"},
                              [&] { require_memory(tight, 64); }));
  BOOST_TEST(test::fails_with(
      {"a need of about 2.0 MiB for batches of 64, with 1.0 MiB available", "use a smaller model"}, [&] {
        require_memory({{"a", 2 << 20, 1 << 20, 0}}, 64);
      }));
}

BOOST_AUTO_TEST_SUITE_END()

struct ManyDigits : SmallData {
  ManyDigits() : SmallData(1500) {}
  Finished limited(const std::string& limit, std::int64_t batch, const std::string& out) const {
    return test::shell(text("ulimit ", limit, "; PATH=/nowhere ", EBB_PROGRAM, " train mnist --data ",
                            (root / "data").string(), " --model mnistcnn --epochs 1 --threads 2 --batch ", batch,
                            " --out ", (root / out).string()));
  }
};

BOOST_FIXTURE_TEST_SUITE(memory_limits, ManyDigits)

// The batch that is named works under the very limit, and is not much smaller than need be.
BOOST_AUTO_TEST_CASE(a_batch_that_does_not_fit_is_refused_and_the_one_that_is_named_fits) {
  const auto named = [](const Finished& done) {
    const std::string before = "the largest batch that fits is ";
    const std::size_t at = done.output.find(before);
    return at == std::string::npos ? 0 : std::atoi(done.output.c_str() + at + before.size());
  };
  int least = 0;
  for (const char* const limit : {"-v 450000", "-v 600000", "-d 350000"}) {
    const Finished refused = limited(limit, 1500, "refused");
    BOOST_TEST(refused.status == 1, limit << ": " << refused.output);
    BOOST_TEST(has(refused.output, "[memory] got a need of about "), limit << ": " << refused.output);
    BOOST_TEST(!fs::exists(root / "refused"));
    const int batch = named(refused);
    BOOST_TEST(batch > 100, limit << ": " << refused.output);
    if (std::string(limit) == "-v 450000") least = batch;
    // 150 MB are 170 images, less what a thread's heap may reserve (64 MiB).
    if (std::string(limit) == "-v 600000") BOOST_TEST(batch > least + 80, batch << " after " << least);
    const std::string out = text("run-", batch);
    const Finished done = limited(limit, batch, out);
    BOOST_TEST(done.status == 0, limit << ", batch " << batch << ": " << done.output);
    BOOST_TEST(fs::exists(root / out / "report.html"));
  }
  // A limit that leaves nothing ends with a message, too.
  const Finished none = limited("-v 215000", 1500, "none");
  BOOST_TEST(none.status == 1, none.output);
  BOOST_TEST(has(none.output, "ebb: ["), none.output);
}

BOOST_AUTO_TEST_SUITE_END()

// What a recipe asks for is refused before it takes the machine's memory: the process would be killed for it.
BOOST_FIXTURE_TEST_SUITE(memory_announced, SmallData)

BOOST_AUTO_TEST_CASE(weights_are_compared_with_the_memory_there_is_before_they_exist) {
  Recipe recipe = find_recipe("mnist");
  recipe.data_dir = (root / "data").string();
  apply_settings(recipe, {"model=mlp", "hidden=50000,2000"});
  const auto said = [&] { return test::message_of([&] { Session session(recipe); }); };
  memory::release_kept();
  detail::pretend_available(std::int64_t{200} << 20);
  const auto before = memory::stats().peak_bytes;
  BOOST_TEST(has(said(), "[memory] got no memory for a tensor of 381.5 MiB, with 200.0 MiB available"), said());
  BOOST_TEST(memory::stats().peak_bytes - before < std::uint64_t{200} << 20);  // the first layer's weights alone
  recipe.hidden = {64};
  BOOST_TEST(said() == "no error");
  detail::pretend_available({});
}

// The weights fit, and what a step needs beside them does not: the rehearsal must not take it either.
BOOST_AUTO_TEST_CASE(a_rehearsal_takes_no_more_memory_than_there_is) {
  SomeTraining t("mlp", {28, 28, 1}, 400);
  memory::release_kept();
  // What the pool keeps beside tensors that live is taken away, so that the rehearsal has to ask for more.
  std::vector<Tensor> taken;
  for (const auto held = memory::stats().system_bytes; memory::stats().system_bytes == held;)
    taken.emplace_back(Shape{1 << 18});
  detail::pretend_available(std::int64_t{1} << 20);
  BOOST_TEST(test::fails_with({"no memory for a step with one image"},
                              [&] { require_memory(*t.model, t.optimizer, t.trainer.options(), t.train); }));
  detail::pretend_available({});
  require_memory(*t.model, t.optimizer, t.trainer.options(), t.train);
}

BOOST_AUTO_TEST_SUITE_END()

struct FewDigits : SmallData {
  FewDigits() : SmallData(160) {}

  // Trains until the first checkpoint stands; then a request for memory fails. Whatever comes of it, the run can go on
  // to the end that it would have had. Returns what the program said if it ended.
  std::string starve(int call, bool all, const std::string& wanted) const {
    const std::string out = text("starved-", call, all ? "-all" : "");
    const fs::path checkpoint = root / out / "checkpoints" / "step-00000003.safetensors";
    const Finished done = test::shell(text("EBB_NO_MEMORY_FROM=", checkpoint.string(), " EBB_NO_MEMORY_CALL=", call,
                                           all ? " EBB_NO_MEMORY_ALL=1" : "", " LD_PRELOAD=", EBB_FAILING_MEMORY,
                                           " /usr/bin/timeout 60 ", EBB_PROGRAM, " ", train(out, settings)));
    BOOST_TEST(done.status <= 1, out << " ended with " << done.status << ": " << done.output);
    if (done.status == 1) {
      BOOST_TEST(has(done.output, "ebb: "), done.output);
      BOOST_TEST((has(done.output, "memory") || has(done.output, "alloc")), done.output);
    }
    const Directory run(root / out);
    const auto newest = Checkpoints(run).newest();
    BOOST_REQUIRE(newest.has_value());
    BOOST_TEST(newest->problems.empty());
    const Finished rest = test::ebb(SmallData::resume(out));
    BOOST_TEST(rest.status == 0, rest.output);
    BOOST_TEST(summary(out).at("state_sha256").get<std::string>() == wanted, out);
    return done.status == 1 ? done.output : std::string();
  }

  std::string whole() const {
    const Finished done = test::ebb(train("whole", settings));
    BOOST_REQUIRE(done.status == 0);
    return summary("whole").at("state_sha256").get<std::string>();
  }

  static constexpr const char* settings = "--epochs 2 --set save_steps=3 --set ema=0.9 --set log_every=1 --threads 2";
};

BOOST_FIXTURE_TEST_SUITE(memory_faults, FewDigits)

BOOST_AUTO_TEST_CASE(a_run_that_is_out_of_memory_ends_with_a_message_and_can_go_on) {
  const std::string wanted = whole();
  for (const int call : {1, 12, 60}) starve(call, false, wanted);
  const std::string said = starve(1, true, wanted);
  BOOST_TEST(has(said, "[memory]"), said);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(memory_faults_slow, FewDigits)

BOOST_AUTO_TEST_CASE(wherever_memory_is_missed) {
  const std::string wanted = whole();
  int ended = 0;
  for (int call = 1; call < 3000; call += 1 + call / 10) {
    ended += starve(call, false, wanted).empty() ? 0 : 1;
    ended += starve(call, true, wanted).empty() ? 0 : 1;
  }
  BOOST_TEST(ended > 20);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
