// Where commands write: looked at before the work, never what they read, whole whatever runs beside or ends it.
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <set>
#include <thread>

#include "data/packed_set.h"
#include "tests/data/picture_files.h"
#include "tests/lab/outcomes.h"

namespace ebb::destinations_test {
namespace {

namespace fs = std::filesystem;

using test::Finished;
using test::has;
using test::put_below;
using test::put_classes;
using test::refused;
using test::succeeds;
using test::TemporaryDirectory;

// Refused for its destination although what it reads is no good either: that was not looked at.
void refused_first(const std::string& arguments, const std::string& part) {
  const Finished run = test::ebb(arguments);
  BOOST_TEST(run.status == 1, arguments);
  BOOST_TEST(has(run.output, part), arguments << ": " << run.output);
  for (const char* const later : {"broken", "nowhere]", "one class", "no such"})
    BOOST_TEST(!has(run.output, later), arguments << ": " << run.output);
}

BOOST_AUTO_TEST_SUITE(destinations)

BOOST_AUTO_TEST_CASE(are_looked_at_before_the_work) {
  const TemporaryDirectory root;
  const std::string at = root.path().string() + '/';
  put_classes(root / "in", {"a", "b"}, 20);
  put_below(root / "in/a/broken.png", "GIF89a");
  put_below(root / "one/only/broken.png", "GIF89a");
  put_below(root / "weights.safetensors", "broken");
  put_below(root / "recipe.toml", "broken = broken");
  put_below(root / "there.safetensors", "mine");
  fs::create_directory(root / "directory.safetensors");
  const struct {
    std::string command;
    const char* ending;
    bool replaces;  // without being told to
  } commands[] = {{"data pack " + at + "in --out ", ".safetensors", false},
                  {"export " + at + "weights.safetensors --onnx ", ".safetensors", false},
                  {"export " + at + "weights.safetensors --torch ", ".safetensors", false},
                  {"export " + at + "weights.safetensors --npz ", ".safetensors", false},
                  {"import --npz " + at + "weights.safetensors --model mlp --out ", ".safetensors", false},
                  {"data show " + at + "one --out ", ".safetensors", true},
                  {"audit " + at + "recipe.toml --json ", ".safetensors", true},
                  {"audit " + at + "recipe.toml --svg ", ".safetensors", true},
                  {"report " + at + "nowhere --out ", ".safetensors", true}};
  for (const auto& [command, ending, replaces] : commands) {
    refused_first(command + at + "no/way/x" + ending, "mkdir -p " + at + "no/way");
    refused_first(command + at + "directory" + ending, "a directory");
    refused_first(command + "/proc/x" + ending, "creating");
    if (!replaces) refused_first(command + at + "there" + ending, "--overwrite");
    BOOST_TEST(test::read(root / "there.safetensors") == "mine");
  }
  const std::string train = "train mnist --set data=folder --data " + at + "in --out ";
  refused_first(train + at + "there.safetensors", "not a directory");
  refused_first(train + at + "there.safetensors/run", "not a directory");
  put_below(root / "run/recipe.toml", "model = \"mlp\"");
  refused_first(train + at + "run", "an unfinished run");
  refused_first("data unpack mnist --data " + at + "nowhere --to " + at + "in", "a directory with files in it");
  refused_first("data unpack mnist --data " + at + "nowhere --to " + at + "there.safetensors", "not a directory");
  for (const char* const to : {"--csv ", "--tensorboard "})
    refused_first("export " + at + "nowhere " + to + at + "there.safetensors", "not a directory");
  refused_first("show " + at + "weights.safetensors filters --out " + at + "there.safetensors/x", "not a directory");
  refused_first("study run ridge --out " + at + "there.safetensors", "not a directory");
  refused_first("study report ridge --out " + at + "there.safetensors --runs " + at + "nowhere", "not a directory");
  BOOST_TEST(!fs::exists(root / "nowhere"));
}

BOOST_AUTO_TEST_CASE(what_a_command_reads_is_never_replaced) {
  const test::SmallData data(60);
  const std::string at = data.root.string() + '/';
  succeeds(data.train("run", "--epochs 1 --model linear"));
  put_below(data.root / "my.toml", "model = \"linear\"\ndata = \"mnist\"\n");
  put_classes(data.root / "in", {"a", "b"}, 20);
  succeeds("data pack " + at + "in --out " + at + "set.safetensors");
  fs::create_symlink("in/a/100.png", data.root / "link.safetensors");
  const auto kept = [&](const std::string& file, const std::string& arguments) {
    const std::string before = test::read(data.root / file);
    BOOST_REQUIRE(!before.empty());
    BOOST_TEST(test::ebb(arguments).status == 1, arguments);
    BOOST_TEST((test::read(data.root / file) == before), arguments);
  };
  for (const char* const file : {"model.safetensors", "log.jsonl", "recipe.toml", "summary.json"})
    kept(text("run/", file), text("report ", at, "run --out ", at, "run/../run/", file));
  // Checkpoints are what a run goes on from, and another file beside them would be taken for one.
  const std::string checkpoint = "run/checkpoints/step-00000003.safetensors";
  for (const std::string& command :
       {text("report ", at, "run --out "), text("audit ", at, "run --json "),
        text("resume ", at, "run --overwrite --trace "), text("export ", at, "run --overwrite --onnx "),
        text("export ", at, "run --overwrite --with-optimizer --torch "),
        text("import --torch ", at, "run/model.safetensors --like ", at, "run --overwrite --out ")}) {
    kept(checkpoint, command + at + checkpoint);
    kept("run/log.jsonl", command + at + "run/log.jsonl");
    refused(command + at + "run/checkpoints/step-00000009.safetensors", "run/checkpoints");
  }
  BOOST_TEST(!fs::exists(data.root / "run/checkpoints/step-00000009.safetensors"));
  kept("my.toml", "audit " + at + "my.toml --data " + at + "data --json " + at + "my.toml");
  kept("run/model.safetensors", "audit " + at + "run --svg " + at + "run/model.safetensors");
  kept("run/model.safetensors", "export " + at + "run --overwrite --onnx " + at + "run/model.safetensors");
  kept("set.safetensors", "data show " + at + "set.safetensors --out " + at + "set.safetensors");
  kept("in/a/100.png", "data pack " + at + "in --overwrite --out " + at + "link.safetensors");
  refused("export " + at + "run --npz " + at + "x --torch " + at + "run/../x", "the same file twice");
  refused("export " + at + "run --onnx " + at + "x --torch " + at + "run/../x", "the same file twice");
  refused("audit " + at + "my.toml --json " + at + "x --svg " + at + "./x", "the same file twice");
  BOOST_TEST(!fs::exists(data.root / "x"));
}

BOOST_AUTO_TEST_CASE(a_place_that_cannot_be_looked_at_is_no_file_that_is_there) {
  const TemporaryDirectory root;
  put_classes(root / "in", {"a", "b"}, 20);
  fs::create_symlink("loop", root / "loop");
  put_below(root / "closed/x", "x");
  const std::string at = root.path().string() + '/', pack = "data pack " + at + "in --out ";
  const auto told = [](const Finished& run, const char* cause) {
    BOOST_TEST(run.status == 1);
    BOOST_TEST(has(run.output, cause), run.output);
    BOOST_TEST(!has(run.output, "that is there"), run.output);
  };
  told(test::ebb(pack + at + "loop/x.safetensors"), "Too many levels of symbolic links");
  told(test::ebb(pack + at + std::string(300, 'x') + ".safetensors"), "File name too long");
  told(test::ebb(pack + at + "in/a/100.png/x.safetensors"), "Not a directory");
  // Root may look into every directory.
  const std::string nobody = geteuid() == 0 ? "setpriv --reuid 65534 --regid 65534 --clear-groups " : "";
  fs::permissions(root.path(), fs::perms::all);
  fs::permissions(root / "closed", fs::perms::none);
  const Finished run = test::shell(nobody + EBB_PROGRAM " " + pack + at + "closed/x.safetensors");
  fs::permissions(root / "closed", fs::perms::all);
  if (run.status == 1) told(run, "Permission denied");
  else BOOST_TEST_MESSAGE("skipped: the program cannot be run by another user: " + run.output);
}

// Several at once: one of them wins, as a whole.
BOOST_AUTO_TEST_CASE(packs_at_once_leave_one_whole_file) {
  const TemporaryDirectory root;
  put_classes(root / "in", {"a", "b"}, 60);
  const std::string at = root.path().string() + '/';
  const std::set<std::int64_t> sides{16, 17, 18, 19};
  for (const bool overwrite : {false, true}) {
    std::string together;
    for (const std::int64_t side : sides)
      together += text("(", EBB_PROGRAM, " data pack ", at, "in --out ", at, "set.safetensors --size ", side, 'x', side,
                       overwrite ? " --overwrite >" : " >", at, side, ".said 2>&1; echo $? >", at, side, ".status) & ");
    test::shell("{ " + together + "wait; }");
    std::set<std::int64_t> written;
    for (const std::int64_t side : sides) {
      const std::string status = test::read(root / text(side, ".status"));
      const std::string said = test::read(root / text(side, ".said"));
      if (status == "0\n") written.insert(side);
      else BOOST_TEST(has(said, "a file that is there"), said);
    }
    BOOST_TEST(written.size() == (overwrite ? sides.size() : 1U));
    BOOST_TEST(written.contains(load_packed_set(root / "set.safetensors").train.pixels.dim(1)));
    for (const std::string& name : root.files()) BOOST_TEST(!has(name, ".tmp-"), name);
  }
}

// Whether a temporary file is there.
bool writing(const TemporaryDirectory& root) {
  for (const std::string& name : root.files())
    if (has(name, ".tmp-")) return true;
  return false;
}

BOOST_AUTO_TEST_CASE(a_signal_takes_the_unfinished_file_along) {
  const TemporaryDirectory root;
  put_classes(root / "in", {"a", "b"}, 100);
  const std::string in = (root / "in").string(), out = (root / "set.safetensors").string();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    int ended = 0;
    for (int attempt = 0; attempt < 20 && ended == 0; ++attempt) {
      const pid_t child = fork();
      if (child == 0) {
        std::freopen("/dev/null", "w", stdout);
        execl(EBB_PROGRAM, "ebb", "data", "pack", in.c_str(), "--size", "640x640", "--overwrite", "--out", out.c_str(),
              nullptr);
        _exit(127);
      }
      int status = 0;
      bool gone = false;
      // The first is the trial of the destination, which lasts no time: the second look finds the writing.
      while (!(gone = waitpid(child, &status, WNOHANG) == child)) {
        if (!writing(root)) continue;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        if (writing(root)) break;
      }
      if (gone) continue;
      kill(child, signal);
      BOOST_REQUIRE(waitpid(child, &status, 0) == child);
      BOOST_TEST(!writing(root));
      if (WIFSIGNALED(status) && WTERMSIG(status) == signal) ++ended;
    }
    BOOST_TEST(ended > 0);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::destinations_test
