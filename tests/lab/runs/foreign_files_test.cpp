// Directories and files that are not the run's own: nothing of them is written, and whatever stands under a run file's
// name is read without waiting, without end of memory, and not at all when it is no regular file.
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <map>
#include <set>

#include "lab/runs/run_files.h"
#include "tests/lab/program.h"
#include "tests/support/instrumented.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;
using test::Finished;
using test::has;
using test::SmallData;

struct Foreign : SmallData {
  Foreign() : SmallData(60) {}

  static void put(const fs::path& path, const std::string& contents) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << contents;
  }

  // All regular files of a directory with their contents, and the names of the rest.
  static std::string all_of(const fs::path& directory) {
    std::set<std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(directory))
      files.insert(text(entry.path().string(), ": ", entry.is_regular_file() ? test::read(entry.path()) : "", '\n'));
    std::string out;
    for (const std::string& file : files) out += file;
    return out;
  }

  // In at most 20 seconds and 2 GB.
  static Finished bounded(const std::string& arguments) {
    // Sanitizers reserve addresses by the terabyte, and are slow.
    const std::string limits = test::instrumented ? "/usr/bin/timeout 200" : "ulimit -v 2000000; /usr/bin/timeout 20";
    return test::shell(limits + " env " + test::program() + arguments);
  }

  // What a training is told so that it writes all that it can.
  const std::string all_files = "--diagnose --set tensorboard=true";

  std::string short_run(const std::string& out, const std::string& more = {}) const {
    return train(out, "--epochs 1 --threads 1 " + more);
  }
};

BOOST_FIXTURE_TEST_SUITE(foreign_files, Foreign)

BOOST_AUTO_TEST_CASE(any_file_of_a_run_is_asked_about) {
  std::vector<std::string> names{"checkpoints/theirs.bin", "checkpoints/step-00000001.safetensors",
                                 "tensorboard/theirs.bin"};
  for (const RunFile& file : run_files::all) names.emplace_back(file.name);
  BOOST_REQUIRE(names.size() >= 9u);
  for (const std::string& name : names) {
    const fs::path directory = root / "theirs";
    put(directory / name, "theirs");
    put(directory / "other.tmp-12", "theirs");
    const std::string before = all_of(directory);
    const Finished done = bounded(short_run("theirs"));
    const std::string what = text(name, " with status ", done.status, ":\n", done.output);
    BOOST_TEST(done.status == 1, what);
    BOOST_TEST(has(done.output, "--overwrite"), what);
    BOOST_TEST(has(done.output, name == "recipe.toml" ? "unfinished run" : name.substr(0, name.find('/'))), what);
    BOOST_TEST(all_of(directory) == before, what);
    fs::remove_all(directory);
  }
}

BOOST_AUTO_TEST_CASE(a_file_called_lock_of_another_program_stays) {
  put(root / "theirs" / "lock", "held by 1234\n");
  for (const char* const more : {"", "--overwrite"}) {
    const Finished done = bounded(short_run("theirs", more));
    BOOST_TEST(done.status == 1, done.output);
    BOOST_TEST(has(done.output, "lock] got a file of another program"), done.output);
    BOOST_TEST(test::read(root / "theirs" / "lock") == "held by 1234\n");
  }
  // That of a process that was killed before its run began is none.
  put(root / "begun" / "lock", "1234");
  fs::create_directories(root / "begun" / "checkpoints");
  const Finished done = bounded(short_run("begun"));
  BOOST_TEST(done.status == 0, done.output);
}

BOOST_AUTO_TEST_CASE(overwriting_removes_the_run_and_nothing_else) {
  put(root / "run" / "log.jsonl", "{\"event\": \"theirs\"}\n");
  put(root / "run" / "model.safetensors", "theirs");
  put(root / "run" / "checkpoints" / "theirs.bin", "kept");
  put(root / "run" / "notes.txt", "kept");
  put(root / "run" / "notes.tmp-12", "kept");
  const Finished done = bounded(short_run("run", "--overwrite"));
  BOOST_TEST(done.status == 0, done.output);
  BOOST_TEST(!has(test::read(root / "run" / "log.jsonl"), "theirs"));
  for (const char* const name : {"checkpoints/theirs.bin", "notes.txt", "notes.tmp-12"})
    BOOST_TEST(test::read(root / "run" / name) == "kept", name);
  // A directory in the place of a file is not emptied.
  fs::remove(root / "run" / "report.html");
  put(root / "run" / "report.html" / "theirs", "kept");
  const Finished refused = bounded(short_run("run", "--overwrite"));
  BOOST_TEST(refused.status == 1);
  BOOST_TEST(has(refused.output, "report.html] got a directory"), refused.output);
  BOOST_TEST(has(test::read(root / "run" / "log.jsonl"), "epoch"));
  BOOST_TEST(test::read(root / "run" / "report.html" / "theirs") == "kept");
}

BOOST_AUTO_TEST_CASE(names_of_recipes_do_not_lead_out_of_runs) {
  const std::string here = "cd " + root.string() + " && mkdir -p in/deep/er && cd in/deep/er && " + test::program();
  const std::string rest = " --data " + (root / "data").string() + " --batch 20 --epochs 1 --threads 1";
  for (const char* const name : {"../up", "a/../../up", "/up", "..", "a/b", "\\x1b[2J", ""}) {
    const std::string recipe = (root / "in" / "mine.toml").string();
    put(root / "in" / "mine.toml", text("name = \"", name[0] == '\\' ? "\\u001b[2J" : name, "\"\ndata = \"mnist\"\n"));
    const Finished done = test::shell(here + "train " + recipe + rest);
    const bool plain = std::string_view(name).empty() || std::string_view(name) == "..";
    BOOST_TEST(done.status == (plain ? 0 : 1), name << ": " << done.output);
    if (!plain) BOOST_TEST(has(done.output, "name] got "), name << ": " << done.output);
    if (!plain && name[0] != '\\') BOOST_TEST(has(done.output, "--out"), name << ": " << done.output);
    // Whatever was made is a directory in runs/.
    for (const auto& entry : fs::directory_iterator(root / "in" / "deep" / "er"))
      BOOST_TEST(entry.path().filename() == "runs", entry.path());
    for (const fs::path& above : {root / "in" / "deep", root / "in"})
      for (const auto& entry : fs::directory_iterator(above))
        BOOST_TEST((entry.path().filename() == "deep" || entry.path().filename() == "er" ||
                    entry.path().filename() == "mine.toml"),
                   entry.path());
    BOOST_TEST(!fs::exists("/up-seed1"));
  }
}

BOOST_AUTO_TEST_CASE(links_to_files_elsewhere_are_not_written_through) {
  // A resumed training replaces the first, removes the second, and does without the others that it wrote at the start.
  const std::set<std::string> left_alone{"environment.json", "summary.json", "audit.json", "skipped.txt"};
  BOOST_REQUIRE(bounded(short_run("whole", all_files)).status == 0);
  std::vector<std::string> names{run_files::lock, run_files::checkpoints, run_files::tensorboard};
  for (const RunFile& file : run_files::all) names.emplace_back(file.name);
  for (const std::string& name : names) {
    const fs::path target = root / "elsewhere" / "target", run = root / "run";
    const bool directory = name == run_files::checkpoints || name == run_files::tensorboard;
    fs::copy(root / "whole", run, fs::copy_options::recursive);
    if (directory) fs::create_directories(target);
    else put(target, "theirs");
    fs::remove_all(run / name);
    fs::create_symlink(target, run / name);
    const std::string before = all_of(root / "elsewhere");
    const std::string more = "--set epochs=2 --allow-change --threads 2";
    for (const std::string& command : {resume("run", more), short_run("run", all_files), "report " + run.string()}) {
      const Finished done = bounded(command);
      BOOST_TEST(all_of(root / "elsewhere") == before, name << ", " << command << ":\n" << done.output);
      // Where the link would be written to, a sentence says what it is.
      if (done.status == 1 && !has(done.output, "a directory with"))
        BOOST_TEST((has(done.output, text("/", name, "] got ")) || has(done.output, "wanted TOML") ||
                    has(done.output, "[" + target.string())),
                   done.output);
      if (command.starts_with("resume") && !left_alone.contains(name))
        BOOST_TEST(done.status == 1, name << ":\n" << done.output);
    }
    const Finished over = bounded(short_run("run", all_files + " --overwrite"));
    BOOST_TEST(all_of(root / "elsewhere") == before, name << ":\n" << over.output);
    const bool refused = directory || name == run_files::lock;
    BOOST_TEST(over.status == (refused ? 1 : 0), name << ":\n" << over.output);
    if (refused) BOOST_TEST(has(over.output, text("/", name, "] got a symbolic link")), over.output);
    fs::remove_all(run);
    fs::remove_all(root / "elsewhere");
  }
}

// What is read: recipes of the command line, and the files of runs by resume, report and eval.
BOOST_AUTO_TEST_CASE(what_is_no_regular_file_ends_no_reader) {
  BOOST_REQUIRE(bounded(short_run("whole", all_files)).status == 0);
  BOOST_REQUIRE(bounded(resume("whole", "--threads 2")).status == 0);  // which leaves changes.jsonl
  const auto put_odd = [&](const fs::path& path, std::size_t kind) {
    fs::remove_all(path);
    if (kind == 0) fs::create_symlink("/dev/zero", path);
    if (kind == 1) ::mkfifo(path.c_str(), 0600);
    if (kind == 2) fs::create_directory(path);
    if (kind == 3) {
      put(path, "");
      fs::resize_file(path, std::uintmax_t{1} << 40);
    }
  };
  const auto refuses = [&](const std::string& arguments, const fs::path& path, std::size_t kind) {
    const Finished done = bounded(arguments);
    const std::string what = text(arguments, ", kind ", kind, ", status ", done.status, ":\n", done.output);
    BOOST_TEST(done.status == 1, what);
    BOOST_TEST(has(done.output, path.string() + "] got "), what);
    const bool tensors = path.extension() == ".safetensors";  // whose header says how long the file is
    const char* const reason[] = {"a device", "a named pipe", "a directory", tensors ? "header" : " bytes"};
    BOOST_TEST((has(done.output, reason[kind]) || (kind == 0 && has(done.output, "a symbolic link"))), what);
    BOOST_TEST(!has(done.output, "alloc"), what);
  };
  const fs::path run = root / "run";
  for (std::size_t kind = 0; kind < 4; ++kind) {
    put_odd(root / "x.toml", kind);
    refuses("train " + (root / "x.toml").string(), root / "x.toml", kind);
    std::map<std::string, std::vector<std::string>> readers{
        {"recipe.toml", {"report ", "eval ", "resume ", "audit "}},
        {"changes.jsonl", {"report ", "eval ", "resume ", "audit "}},
        {"log.jsonl", {"report ", "resume "}},
        {"environment.json", {"report ", "resume "}},
        {"audit.json", {"report "}},
        {"diagnostics.csv", {"report "}},
        {"summary.json", {"report "}},
        {"evaluation.json", {"report "}},
        {"model.safetensors", {"eval ", "summary "}},
        {"checkpoints/step-00000003.safetensors", {"resume "}},
    };
    for (const RunFile& file : run_files::all)
      BOOST_TEST(readers.contains(file.name) == (file.most_read > 0), "who reads " << file.name << '?');
    for (const auto& [name, commands] : readers) {
      fs::copy(root / "whole", run, fs::copy_options::recursive);
      BOOST_REQUIRE(fs::exists(run / name));
      put_odd(run / name, kind);
      for (const std::string& command : commands) {
        // A log is appended to, whatever its size.
        if (command == "resume " && kind == 3 && std::string_view(name) == "log.jsonl") continue;
        refuses(command + run.string(), run / name, kind);
      }
      fs::remove_all(run);
    }
  }
}

// A parser that goes as deep as a file does runs out of stack.
BOOST_AUTO_TEST_CASE(files_that_are_nested_without_end_are_refused) {
  BOOST_REQUIRE(test::ebb(train("run", "--epochs 1 --threads 1")).status == 0);
  constexpr std::size_t depth = 300'000;
  const std::string deep = "{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + ", \"b\": 1}\n";
  for (const char* const name : {"environment.json", "summary.json", "evaluation.json"}) {
    const fs::path file = root / "run" / name;
    const std::string good = test::read(file);
    std::ofstream(file) << deep;
    const Finished done = test::ebb("report " + (root / "run").string());
    BOOST_TEST(done.status == 1, done.output);
    BOOST_TEST(has(done.output, text(file.string(), "] got JSON of 300001 lists and objects within each other")),
               done.output);
    std::ofstream(file) << good;
  }
  std::ofstream(root / "run" / "log.jsonl", std::ios::app) << deep;
  BOOST_TEST(test::ebb("report " + (root / "run").string()).status == 0);
}

BOOST_AUTO_TEST_CASE(recipes_of_runs_that_are_nested_without_end_are_refused) {
  BOOST_REQUIRE(test::ebb(train("run", "--epochs 1 --threads 1")).status == 0);
  std::string deep;
  for (int part = 0; part < 50'000; ++part) deep += "a.";
  const fs::path file = root / "run" / "recipe.toml";
  for (const std::string& hostile : {deep + "a = 1\n", "[" + deep + "a]\n"}) {
    std::ofstream(file) << hostile;
    for (const std::string command : {"report ", "resume ", "eval ", "audit "}) {
      const Finished done = bounded(command + (root / "run").string());
      BOOST_TEST(done.status == 1, command << "ended with " << done.status);
      BOOST_TEST(has(done.output, file.string()), done.output);
      BOOST_TEST(has(done.output, "parts"), done.output);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
