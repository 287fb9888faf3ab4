// Event files of TensorBoard's: their records, what a training writes into them, and what kills and full disks leave.
#include "lab/export/tensorboard.h"

#include <sys/resource.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <csignal>
#include <set>

#include "data/picture.h"
#include "framework/compute/basic.h"
#include "framework/io/byte_source.h"
#include "framework/io/safetensors.h"
#include "lab/diagnose/diagnostics.h"
#include "lab/export/event_file.h"
#include "lab/export/event_record.h"
#include "lab/format/png.h"
#include "lab/runs/evaluation_record.h"
#include "lab/runs/run_directory.h"
#include "lab/runs/run_log.h"
#include "lab/use/mistake_sheet.h"
#include "tests/lab/export/events_of_a_run.h"
#include "tests/lab/program.h"
#include "tests/lab/small_training.h"
#include "tests/support/temporary_directory.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;
using test::by_step;
using test::compare_with_log;
using test::compare_with_rows;
using test::Finished;
using test::ReadEvents;

std::string scalar_at(std::int64_t step, double value) {
  return detail::event_record({.wall_time = 1, .step = step, .scalars = {{"loss", value}}});
}

bool same_picture(const std::string& bytes, const Tensor& wanted) {
  MemorySource source(std::as_bytes(std::span(bytes)), "the picture");
  const Tensor got = read_picture(source);
  return got.shape() == wanted.shape() && std::ranges::equal(got.bytes(), wanted.bytes());
}

BOOST_AUTO_TEST_SUITE(tensorboard)

BOOST_AUTO_TEST_CASE(records_have_the_checksums_of_their_format) {
  BOOST_TEST(test::crc32c("123456789") == 0xE3069283U);  // RFC 3720
  const std::string file = detail::event_head(1) + scalar_at(7, 0.1) + detail::event_restart(1, 5) + scalar_at(5, 2);
  ReadEvents events;
  test::read_events(file, events);
  BOOST_TEST(events.records == 4);
  BOOST_TEST(events.restarts == 1);
  BOOST_TEST(!events.cut);
  BOOST_TEST((events.scalars.at("loss") == std::vector<std::pair<std::int64_t, float>>{{5, 2.0f}}));
  for (std::size_t at = 0; at < file.size(); ++at) {
    std::string changed = file;
    changed[at] ^= 4;
    ReadEvents other;
    bool seen = false;
    try {
      test::read_events(changed, other);
      seen = other.cut;
    } catch (const std::runtime_error&) {
      seen = true;
    }
    BOOST_TEST(seen, at);
  }
}

BOOST_AUTO_TEST_CASE(a_file_that_is_cut_is_read_to_its_last_whole_record) {
  std::string file = detail::event_head(1);
  std::vector<std::size_t> ends;
  for (int step = 1; step <= 3; ++step) {
    file += scalar_at(step, step);
    ends.push_back(file.size());
  }
  for (std::size_t size = ends[0]; size <= file.size(); ++size) {
    ReadEvents events;
    test::read_events(file.substr(0, size), events);
    const auto whole = static_cast<std::size_t>(std::ranges::count_if(ends, [&](std::size_t e) { return e <= size; }));
    BOOST_TEST(events.scalars.at("loss").size() == whole, size);
    BOOST_TEST(events.cut == (ends[whole - 1] != size), size);
  }
}

BOOST_AUTO_TEST_CASE(histograms_count_every_number_once) {
  Tensor numbers({1000});
  fill_normal(numbers, Rng(1), 0.5, 2);
  for (const auto& [tensor, count] : {std::pair{numbers, 1000.0},
                                      {cast(numbers, DType::f64), 1000.0},
                                      {Tensor::full({5}, 3), 5.0},
                                      {Tensor::from({1.0f, std::nanf(""), -INFINITY, 2.0f}, {4}), 2.0},
                                      {Tensor::from({1e308, -1e308}, {2}), 2.0}}) {
    ReadEvents events;
    test::read_events(detail::event_head(0) + detail::event_record({.step = 3, .histograms = {{"w", tensor}}}), events);
    const test::ReadHistogram& h = events.histograms.at("w").at(3);
    BOOST_TEST(h.count == count);
    double sum = 0;
    for (const double c : h.counts) sum += c;
    BOOST_TEST(sum == count);
    BOOST_TEST(h.limits.size() == h.counts.size());
    BOOST_TEST(std::ranges::is_sorted(h.limits));
    BOOST_TEST(h.limits.back() == h.largest);
  }
  ReadEvents events;
  test::read_events(
      detail::event_head(0) +
          detail::event_record({.step = 1, .histograms = {{"w", Tensor::from({0.0f, 0.1f, 63.5f, 64.0f}, {4})}}}),
      events);
  const test::ReadHistogram& h = events.histograms.at("w").at(1);
  BOOST_TEST(h.counts.size() == 64);
  BOOST_TEST(h.counts.front() == 2);
  BOOST_TEST(h.counts.back() == 2);
}

BOOST_AUTO_TEST_CASE(a_new_file_comes_behind_those_that_are_there) {
  const test::TemporaryDirectory place;
  const Directory directory(place.path());
  std::vector<std::string> before;
  test::put_file(place / "events.out.tfevents.4102444800.of_another_clock", "");
  for (int i = 0; i < 3; ++i) {
    detail::EventFile file(directory, 10 * i + 1);
    for (int step = 10 * i + 1; step <= 10 * i + 15; ++step) file.append(scalar_at(step, i));
    BOOST_TEST(file.problem() == "");
  }
  BOOST_TEST(place.files().front() == "events.out.tfevents.4102444800.of_another_clock");
  BOOST_TEST(place.files().size() == 4);
  fs::remove(place / "events.out.tfevents.4102444800.of_another_clock");
  const ReadEvents events = test::read_events(place.path());
  BOOST_TEST(events.restarts == 3);
  const auto loss = by_step(events, "loss");
  BOOST_TEST(loss.size() == 35);
  for (const auto& [step, value] : loss) BOOST_TEST(value == std::min<float>(2, static_cast<float>((step - 1) / 10)));
}

BOOST_AUTO_TEST_CASE(what_a_full_disk_refuses_is_written_later) {
  const test::TemporaryDirectory place;
  const Directory directory(place.path());
  detail::EventFile file(directory, 1);
  file.append(scalar_at(1, 1));
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  rlimit small = old;
  small.rlim_cur = fs::file_size(place / place.files()[0]) + 20;  // the next record does not fit
  setrlimit(RLIMIT_FSIZE, &small);
  file.append(scalar_at(2, 2));
  file.append(scalar_at(3, 3));
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  BOOST_TEST(test::has(file.problem(), "tfevents"), file.problem());
  BOOST_TEST(test::read_events(place.path()).cut);
  file.append(scalar_at(4, 4));
  BOOST_TEST(file.problem() == "");
  const ReadEvents events = test::read_events(place.path());
  BOOST_TEST(!events.cut);
  BOOST_TEST(by_step(events, "loss").size() == 4);
}

BOOST_AUTO_TEST_CASE(a_training_is_shown_while_it_runs_and_afterwards) {
  const test::SmallData data;
  const std::string run = (data.root / "run").string();
  const Finished trained =
      test::ebb(data.train("run", "--epochs 2 --model lenet --set lr=1e-3 --set tensorboard=true --set log_every=3"));
  BOOST_REQUIRE_MESSAGE(trained.status == 0, trained.output);
  const LogContents log = read_log(data.root / "run/log.jsonl");
  BOOST_REQUIRE(log.steps.size() == 13);
  const ReadEvents live = test::read_events(data.root / "run/tensorboard");
  BOOST_TEST(live.restarts == 0);
  compare_with_log(live, log);
  for (const std::string what : {"lr", "lambda", "shrink", "gradient_norm", "effective_lr"})
    BOOST_TEST(by_step(live, log.steps[0].groups[0].name + '/' + what).size() == 13, what);
  const GroupMeasure& group = log.steps[5].groups[0];
  BOOST_TEST(by_step(live, group.name + "/effective_lr").at(log.steps[5].step) ==
             static_cast<float>(group.lr / (group.weight_norm * group.weight_norm)));
  for (const auto& [tag, size] : {std::pair{"weights/conv1.weight", 150.0}, {"weights/fc1.weight", 48000.0}}) {
    BOOST_REQUIRE_MESSAGE(live.histograms.contains(tag), tag);
    BOOST_TEST(live.histograms.at(tag).size() == 2);
    BOOST_TEST(live.histograms.at(tag).at(40).count == size);
  }
  BOOST_TEST(!live.histograms.contains("weights/conv1.bias"));
  const std::string& picture = live.pictures.at("filters").at(20);
  MemorySource source(std::as_bytes(std::span(picture)), "the picture");
  BOOST_TEST(read_picture(source).dim(2) == 1);
  BOOST_TEST(live.pictures.at("filters").at(40) != picture);
  BOOST_TEST(live.pictures.at("worst_mistakes").size() == 2);
  const EvaluationRecord record = record_from_json(test::read(data.root / "run/evaluation.json"), "evaluation.json");
  BOOST_TEST(!record.worst.empty());
  BOOST_TEST(same_picture(live.pictures.at("worst_mistakes").at(40), mistake_sheet(record)));
  BOOST_TEST(!same_picture(live.pictures.at("worst_mistakes").at(20), mistake_sheet(record)));

  // From the log alone, the same points.
  const Finished exported = test::ebb("export " + run + " --tensorboard " + (data.root / "board").string());
  BOOST_REQUIRE_MESSAGE(exported.status == 0, exported.output);
  const ReadEvents later = test::read_events(data.root / "board/run");
  BOOST_TEST((later.scalars == live.scalars));
  for (const std::string name : {"filters", "worst_mistakes"}) {
    BOOST_TEST(later.pictures.at(name).size() == 1, name);
    BOOST_TEST((later.pictures.at(name).at(40) == live.pictures.at(name).at(40)), name);
  }
  BOOST_TEST(test::ebb("export " + run + " --tensorboard " + (data.root / "board").string()).status == 1);

  // Who looks on changes nothing.
  BOOST_REQUIRE(test::ebb(data.train("unseen", "--epochs 2 --model lenet --set lr=1e-3 --set log_every=3")).status ==
                0);
  BOOST_TEST(!fs::exists(data.root / "unseen/tensorboard"));
  BOOST_TEST(data.summary("unseen")["weights_sha256"].get<std::string>() ==
             data.summary("run")["weights_sha256"].get<std::string>());

  // A run that is replaced leaves nothing behind, and one without the key writes nothing.
  BOOST_TEST(test::ebb(data.train("run", "--epochs 1 --model mlp")).status == 1);
  BOOST_REQUIRE(test::ebb(data.train("run", "--epochs 1 --model mlp --overwrite")).status == 0);
  BOOST_TEST(fs::is_empty(data.root / "run/tensorboard"));
}

BOOST_AUTO_TEST_CASE(windows_of_a_diagnosis_are_shown_with_the_numbers_of_their_rows) {
  const test::SmallData data;
  const std::string run = (data.root / "run").string();
  const Finished trained = test::ebb(data.train(
      "run",
      "--epochs 2 --model resnet-8 --diagnose --set tensorboard=true --set accumulate=3 --set diagnose_every=2"));
  BOOST_REQUIRE_MESSAGE(trained.status == 0, trained.output);
  const auto rows = diagnosis_from_csv(test::read(data.root / "run/diagnostics.csv"), "diagnostics.csv");
  const LogContents log = read_log(data.root / "run/log.jsonl");
  BOOST_TEST(log.windows.size() >= 4);
  // 40 batches are 14 updates, the last one of a batch alone.
  BOOST_TEST(log.windows.at(14) == 40);
  BOOST_TEST(log.windows.begin()->second == 3 * log.windows.begin()->first);
  const ReadEvents live = test::read_events(data.root / "run/tensorboard");
  compare_with_rows(live, rows, log);
  BOOST_TEST(by_step(live, "diagnosis.conv1.weight/norm_predicted").at(40) > 0);
  for (const std::string left_out : {"norm_low", "norm_high", "lr", "shrink", "values"})
    BOOST_TEST(!live.scalars.contains("diagnosis.conv1.weight/" + left_out), left_out);

  const Finished exported = test::ebb("export " + run + " --tensorboard " + (data.root / "board").string());
  BOOST_REQUIRE_MESSAGE(exported.status == 0, exported.output);
  BOOST_TEST((test::read_events(data.root / "board/run").scalars == live.scalars));
}

BOOST_AUTO_TEST_CASE(windows_that_a_training_goes_back_behind_are_shown_again) {
  const test::TemporaryDirectory place;
  test::SmallTraining t({.epochs = 3, .non_finite = OnNonFinite::rollback, .snapshot_every = 5});
  const Batch first = t.train.epoch(0)[0];
  Diagnostics diagnostics(t.optimizer, audit(t.model, first.images, first.labels, &t.optimizer, {.probe = false}),
                          {.every = 1, .window = 2});
  RunDirectory run(place / "run", RunDirectory::Open::fresh, {});
  TensorBoard board(run.held(), t.model, {}, "test");
  run.follow(diagnostics);
  board.follow(diagnostics);
  t.trainer.add(diagnostics);
  t.trainer.add(board);
  t.trainer.add(run);
  for (int i = 0; i < 8; ++i) t.trainer.step();
  t.model.parameters()[0]->value().mutable_data<float>()[0] = std::nanf("");
  t.trainer.run();  // from the snapshot after five batches on
  const LogContents log = read_log(place / "run/log.jsonl");
  std::set<std::int64_t> shown, wanted{21};
  for (std::int64_t step = 2; step <= 20; step += 2) wanted.insert(step);
  for (const auto& [updates, batches] : log.windows) {
    BOOST_TEST(updates == batches);
    shown.insert(updates);
  }
  BOOST_TEST((shown == wanted));
  const ReadEvents events = test::read_events(place / "run/tensorboard");
  BOOST_TEST(events.restarts == 1);
  compare_with_rows(events, diagnosis_from_csv(test::read(place / "run/diagnostics.csv"), "diagnostics.csv"), log);
}

BOOST_AUTO_TEST_CASE(a_link_in_place_of_the_directory_is_refused) {
  const test::SmallData data(40);
  fs::create_directories(data.root / "elsewhere");
  test::put_file(data.root / "elsewhere/events.out.tfevents.1.theirs", "theirs");
  fs::create_directories(data.root / "run");
  fs::create_symlink(data.root / "elsewhere", data.root / "run/tensorboard");
  for (const char* const more : {"", " --overwrite"}) {
    const Finished refused = test::ebb(data.train("run", text("--epochs 1 --model mlp --set tensorboard=true", more)));
    BOOST_TEST(refused.status == 1);
    BOOST_TEST(test::has(refused.output, "tensorboard"), refused.output);
    BOOST_TEST(test::read(data.root / "elsewhere/events.out.tfevents.1.theirs") == "theirs");
    BOOST_TEST(std::distance(fs::directory_iterator(data.root / "elsewhere"), fs::directory_iterator()) == 1);
  }
}

// A training that was stopped in an evaluation, went on, and was killed between the epoch's points and the checkpoint.
BOOST_AUTO_TEST_CASE(an_epoch_whose_checkpoint_is_missing_is_shown_once) {
  const test::SmallData data(200);
  BOOST_REQUIRE(
      test::ebb(data.train("run", "--epochs 1 --model lenet --diagnose --set tensorboard=true --set log_every=1"))
          .status == 0);
  const fs::path checkpoint = data.root / "run/checkpoints/step-00000010.safetensors";
  TensorFile state = load_safetensors(checkpoint);
  auto counters = nlohmann::json::parse(state.metadata.at("trainer"));
  for (const auto& [name, value] : {std::pair{"epoch", 0}, {"position", 10}, {"best", -1}, {"best_step", 0}})
    counters[name] = value;
  counters["curve"] = nlohmann::json::array();
  state.metadata["trainer"] = counters.dump();
  save_safetensors(checkpoint, state.tensors, state.metadata);
  const Finished resumed = test::ebb(data.resume("run"));
  BOOST_REQUIRE_MESSAGE(resumed.status == 0, resumed.output);
  const LogContents log = read_log(data.root / "run/log.jsonl");
  BOOST_TEST(log.steps.size() == 10);
  const ReadEvents events = test::read_events(data.root / "run/tensorboard");
  BOOST_TEST(events.restarts == 1);
  compare_with_log(events, log);
  compare_with_rows(events, diagnosis_from_csv(test::read(data.root / "run/diagnostics.csv"), "diagnostics.csv"), log);
}

BOOST_AUTO_TEST_CASE(mistakes_stand_in_rows_with_what_they_were_taken_for) {
  EvaluationRecord record;
  record.classes = {"cat", "a class of many letters"};
  BOOST_TEST(!mistake_sheet(record).defined());
  record.worst.push_back({0, 0, 1, 0.9, ""});           // no picture,
  record.worst.push_back({1, 0, 1, 0.9, "no base64"});  // and none that can be read
  record.worst.push_back({2, 0, 1, 0.9, base64({std::byte{1}, std::byte{2}})});
  BOOST_TEST(!mistake_sheet(record).defined());
  record.worst.push_back({3, 0, 1, 0.9, base64(png(Tensor::zeros({12, 12, 1}, DType::u8)))});
  const Tensor one = mistake_sheet(record);
  BOOST_TEST(one.dim(2) == 1);
  BOOST_TEST(one.at({8, 8, 0}) == 0);  // the picture, six times as large
  BOOST_TEST(one.at({8 + 71, 8 + 71, 0}) == 0);
  BOOST_TEST(one.at({8 + 72, 8 + 72, 0}) == 255);
  for (int i = 0; i < 40; ++i) record.worst.push_back(record.worst.back());
  BOOST_TEST(mistake_sheet(record).shape() == Shape({3 * (one.dim(0) - 8) + 8, 8 * (one.dim(1) - 8) + 8, 1}));
  record.worst.assign(1, {0, 1, 0, 1, base64(png(Tensor::zeros({1000, 10, 3}, DType::u8)))});
  BOOST_TEST(mistake_sheet(record).dim(0) < 300);
  BOOST_TEST(mistake_sheet(record).dim(2) == 3);
}

BOOST_AUTO_TEST_CASE(base64_reads_back) {
  for (std::size_t size = 0; size < 9; ++size) {
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i < size; ++i) bytes.push_back(static_cast<std::byte>(251 * i + 3));
    BOOST_TEST((from_base64(base64(bytes)) == bytes), size);
  }
  BOOST_TEST((from_base64("Zm9v") == std::vector{std::byte{'f'}, std::byte{'o'}, std::byte{'o'}}));  // RFC 4648
  for (const char* const bad : {"Zm9", "Zm9vY", "Z===", "====", "Zm=v", "Zm9v\n", "Zm9vZh==", "Zm9*"})
    BOOST_CHECK_THROW(from_base64(bad), Error);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
