// Bits of trainings on any number of processes, with everything that could tell them apart: takes minutes.
#include <string>
#include <vector>

#include "tests/lab/mpi_launchers.h"

namespace ebb {
namespace {

using test::Finished;
using test::SmallData;

BOOST_FIXTURE_TEST_SUITE(mpi_bits_slow, SmallData)

// Thirty steps; the last batch of an epoch has four samples for eight shards. Weights, buffers, state of the optimizer
// and averages, and the log.
BOOST_AUTO_TEST_CASE(are_those_of_one_process) {
  const std::string common =
      "--epochs 3 --set shards=8 --set log_every=1 --set flip=random --set crop=2 --set mixup=0.2 "
      "--set label_smoothing=0.1 --set clip=norm --set clip_limit=0.5 --set accumulate=3 ";
  const std::vector<std::string> trainings{
      "--model mnistcnn --set optimizer=sgd --set ema=0.9 ",
      "--model resnet8 --set optimizer=sgd --set lookahead=2 ",
      "--model resnet8 --set batch_norm_over=batch --set optimizer=adamw --set momentum=default --set nesterov=default "
      "--set ema=0.9 ",
      "--model resnet8 --set norm=group --set optimizer=lamb --set momentum=default --set nesterov=default --set "
      "plateau=true ",
      "--model mobilenetv2 --set dropout=0.2 --set optimizer=sgd ",
      "--model wrn-10-1 --set dropout=0.3 --set optimizer=muon --set batch_norm_over=batch "};
  for (const std::string& training : trainings) {
    const auto arguments = [&](const std::string& name, int threads) {
      std::string line = train(name, common + training + text("--overwrite --threads ", threads));
      const std::string batch = "--batch 20";
      line.replace(line.find(batch), batch.size(), "--batch 44");
      return line;
    };
    const Finished alone = test::ebb(arguments("alone", 1));
    BOOST_REQUIRE_MESSAGE(alone.status == 0, alone.output);
    for (const test::Launcher& launcher : test::launchers())
      for (const int ranks : {1, 2, 3, 4, 5, 8})
        for (const int choice : {0, 1, 2, 3}) {
          const int threads = 1 + choice % 2;
          const bool overlap = choice < 2;
          if (!overlap && (ranks == 1 || training.find("batch_norm_over=batch") != std::string::npos)) continue;
          const Finished shared =
              test::run(launcher, ranks, arguments("shared", threads) + text(" --set overlap=", overlap));
          const std::string what =
              text(training, launcher.name, ", ", ranks, " ranks, ", threads, " threads, overlap ", overlap);
          BOOST_REQUIRE_MESSAGE(shared.status == 0, what << ": " << shared.output);
          for (const char* const key : {"weights_sha256", "state_sha256"})
            BOOST_TEST(summary("shared")[key] == summary("alone")[key], what);
          BOOST_TEST(test::log_of(root / "shared") == test::log_of(root / "alone"), what);
        }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
