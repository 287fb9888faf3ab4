#include "framework/io/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "framework/io/byte_source.h"
#include "framework/io/safetensors.h"
#include "tests/support/errors.h"
#include "tests/support/failing_calls.h"
#include "tests/support/mutate.h"
#include "tests/support/temporary_directory.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;
using test::FailingCall;
using test::fails_with;
using test::Failure;
using test::TemporaryDirectory;
using Names = std::vector<std::string>;

std::string contents(const fs::path& path) { return test::text_of(test::file_bytes(path)); }

std::map<std::string, Tensor> tensors(double value) {
  return {{"a", Tensor::full({50}, value)}, {"b", Tensor::full({7}, value, DType::f64)}};
}

int clean(const fs::path& directory) {
  return remove_stale_temporaries(Directory(directory), [](const std::string& name) { return name != "theirs"; });
}

// What a run of `save` left: "old", "new" or a complaint.
std::string found(const fs::path& path) {
  const TensorFile file = load_safetensors(path);
  if (file.tensors.at("a").at({0}) == 1 && file.tensors.at("b").at({6}) == 1) return "old";
  if (file.tensors.at("a").at({0}) == 2 && file.tensors.at("b").at({6}) == 2) return "new";
  return "a mixture";
}

BOOST_AUTO_TEST_SUITE(atomic_file)

BOOST_AUTO_TEST_CASE(replaces_as_a_whole) {
  const TemporaryDirectory directory;
  const auto path = directory / "file";
  write_file(path, "first");
  BOOST_TEST(contents(path) == "first");
  {
    AtomicFile file(path);
    file.write(test::bytes_of("sec"));
    BOOST_TEST(contents(path) == "first");
    BOOST_TEST((directory.files() == Names{"file", text("file.tmp-", static_cast<long>(::getpid()))}));
    file.write({});
    file.write(test::bytes_of("ond"));
    file.commit();
    BOOST_TEST(contents(path) == "second");
    BOOST_TEST(fails_with({path.c_str(), "committed"}, [&] { file.write(test::bytes_of("x")); }));
    BOOST_TEST(fails_with({path.c_str(), "committed"}, [&] { file.commit(); }));
  }
  BOOST_TEST((directory.files() == Names{"file"}));
  {
    AtomicFile given_up(path);
    given_up.write(test::bytes_of("third"));
  }
  BOOST_TEST(contents(path) == "second");
  BOOST_TEST((directory.files() == Names{"file"}));
  write_file(path, "");
  BOOST_TEST(contents(path).empty());
}

BOOST_AUTO_TEST_CASE(names_without_a_directory) {
  const TemporaryDirectory directory;
  const fs::path before = fs::current_path();
  fs::current_path(directory.path());
  write_file("plain", "x");
  fs::current_path(before);
  BOOST_TEST(contents(directory / "plain") == "x");
}

BOOST_AUTO_TEST_CASE(permissions_and_links_stay) {
  const TemporaryDirectory directory;
  const auto path = directory / "file";
  const auto link = directory / "link";
  write_file(path, "old");
  ::chmod(path.c_str(), 0600);
  fs::create_symlink("file", link);
  write_file(link, "new");
  BOOST_TEST(fs::is_symlink(link));
  BOOST_TEST(contents(path) == "new");
  struct stat status {};
  ::stat(path.c_str(), &status);
  BOOST_TEST((status.st_mode & 07777) == 0600u);
  fs::create_symlink("round2", directory / "round1");
  fs::create_symlink("round1", directory / "round2");
  BOOST_TEST(fails_with({"round1", "following the link"}, [&] { write_file(directory / "round1", "x"); }));
}

BOOST_AUTO_TEST_CASE(refuses_what_is_no_file) {
  const TemporaryDirectory directory;
  BOOST_TEST(fails_with({directory.path().c_str(), "not a regular file"}, [&] { write_file(directory.path(), "x"); }));
  BOOST_TEST(fails_with({"/dev/full", "not a regular file"}, [] { write_file("/dev/full", "x"); }));
  const auto lost = directory / "no/such/file";
  BOOST_TEST(fails_with({lost.c_str(), "No such file or directory", "creating"}, [&] { write_file(lost, "x"); }));
  BOOST_TEST(directory.files().empty());
}

BOOST_AUTO_TEST_CASE(one_writer_at_a_time) {
  const TemporaryDirectory directory;
  const auto path = directory / "file";
  {
    AtomicFile first(path);
    first.write(test::bytes_of("first"));
    BOOST_TEST(fails_with({path.c_str(), "another writer"}, [&] { write_file(path, "second"); }));
    BOOST_TEST(clean(directory.path()) == 0);
    first.commit();
  }
  BOOST_TEST(contents(path) == "first");
}

BOOST_AUTO_TEST_CASE(a_name_that_is_taken_stays_where_it_is_not_to_be_replaced) {
  const TemporaryDirectory directory;
  const auto path = directory / "file";
  const auto refused = [&](const auto& call) {
    BOOST_TEST(fails_with({path.c_str(), "a file that is there", "a name that is free"}, call));
    BOOST_TEST(contents(path) == "theirs");
    BOOST_TEST((directory.files() == Names{"file"}));
  };
  {
    AtomicFile file(path, Existing::refuse);
    file.write(test::bytes_of("mine"));
    test::put_file(path, "theirs");  // meanwhile
    refused([&] { file.commit(); });
  }
  refused([&] { AtomicFile file(path, Existing::refuse); });
  refused([&] { save_safetensors(path, tensors(1), {}, Existing::refuse); });
  const auto link = directory / "link";
  fs::create_symlink("nowhere", link);
  BOOST_TEST(fails_with({link.c_str(), "a symbolic link that is there"},
                        [&] { write_file(link, test::bytes_of("x"), Existing::refuse); }));
  fs::remove(link);
  write_file(directory / "free", test::bytes_of("mine"), Existing::refuse);
  BOOST_TEST(contents(directory / "free") == "mine");
  BOOST_TEST((directory.files() == Names{"file", "free"}));
}

BOOST_AUTO_TEST_CASE(own_temporaries_are_removed_and_nothing_else) {
  const TemporaryDirectory directory;
  test::put_file(directory / "theirs.tmp-12", "x");
  write_file(directory / "done", "x");
  { AtomicFile given_up(directory / "given up"); }
  std::vector<std::unique_ptr<AtomicFile>> many;
  for (int i = 0; i < 64; ++i) many.push_back(std::make_unique<AtomicFile>(directory / text("file", i)));
  BOOST_TEST(directory.files().size() == 66U);
  remove_own_temporaries();
  BOOST_TEST((directory.files() == Names{"done", "theirs.tmp-12"}));
  BOOST_TEST(fails_with({"file0"}, [&] { many[0]->commit(); }));
  many.clear();
  // Places are free again. A file that another put under the name stays.
  AtomicFile again(directory / "again");
  const std::string name = text("again.tmp-", static_cast<long>(::getpid()));
  fs::remove(directory / name);
  test::put_file(directory / name, "another's");
  remove_own_temporaries();
  BOOST_TEST((directory.files() == Names{name, "done", "theirs.tmp-12"}));
}

// Between its making and its lock a file is known by its name alone.
BOOST_AUTO_TEST_CASE(a_temporary_that_was_only_announced_is_removed_unless_another_holds_it) {
  const TemporaryDirectory directory;
  const Directory held(directory.path());
  const detail::ListedTemporary mine(held.descriptor(), "mine.tmp-1"), theirs(held.descriptor(), "theirs.tmp-1");
  test::put_file(directory / "mine.tmp-1", "x");
  test::put_file(directory / "theirs.tmp-1", "x");
  const Descriptor locked = held.open("theirs.tmp-1", O_WRONLY);
  BOOST_REQUIRE(::flock(locked.get(), LOCK_EX) == 0);
  remove_own_temporaries();
  BOOST_TEST((directory.files() == Names{"theirs.tmp-1"}));
}

BOOST_AUTO_TEST_CASE(leftovers) {
  const TemporaryDirectory directory;
  const auto path = directory / "file";
  const std::string own = text("file.tmp-", static_cast<long>(::getpid()));
  test::put_file(directory / own, "of a process that had the same number");
  write_file(path, "new");
  BOOST_TEST((directory.files() == Names{"file"}));
  BOOST_TEST(contents(path) == "new");
  for (const char* name : {"a.tmp-1", "b.tmp-999999", "keep.tmp-", "keep.tmp-12a", "theirs.tmp-12", "tmp-5"})
    test::put_file(directory / name, "x");
  fs::create_directory(directory / "c.tmp-7");
  BOOST_TEST(clean(directory.path()) == 2);
  BOOST_TEST((directory.files() == Names{"c.tmp-7", "file", "keep.tmp-", "keep.tmp-12a", "theirs.tmp-12", "tmp-5"}));
}

// Every call that a save makes fails once in every way.
BOOST_AUTO_TEST_CASE(every_call_fails_once) {
  const TemporaryDirectory directory;
  const auto path = directory / "weights.safetensors";
  for (const int error : {ENOSPC, EIO, EDQUOT, EROFS, EINTR}) {
    int failed = 0;
    for (int k = 1;; ++k) {
      save_safetensors(path, tensors(1));
      std::string message;
      bool reached = false;
      {
        const FailingCall failing(k, Failure::error, error);
        try {
          save_safetensors(path, tensors(2));
        } catch (const Error& e) {
          message = e.what();
        }
        reached = failing.reached();
      }
      BOOST_TEST((directory.files() == Names{"weights.safetensors"}), text("call ", k, ": ", message));
      const std::string left = found(path);
      if (!message.empty()) {
        ++failed;
        BOOST_TEST(error != EINTR, message);
        BOOST_TEST(message.find(path.string()) != std::string::npos, message);
        BOOST_TEST(message.find(std::strerror(error)) != std::string::npos, message);
        const bool in_place = message.find("the new file is in place") != std::string::npos;
        BOOST_TEST(left == (in_place ? "new" : "old"), text("call ", k, ": ", message));
      } else {
        BOOST_TEST(left == "new");
      }
      if (!reached) break;
    }
    // Opening the directory, creating, three writes, syncing, closing, renaming, opening the directory to sync,
    // syncing.
    if (error != EINTR) BOOST_TEST(failed == 10, std::strerror(error));
  }
}

BOOST_AUTO_TEST_CASE(short_writes_and_reads) {
  const TemporaryDirectory directory;
  const auto path = directory / "weights.safetensors";
  save_safetensors(path, tensors(1));
  {
    const FailingCall failing(0, Failure::half);
    save_safetensors(path, tensors(2));
    BOOST_TEST(failing.reached());
  }
  BOOST_TEST(found(path) == "new");
  const FailingCall failing(0, Failure::half);
  BOOST_TEST(found(path) == "new");
  BOOST_TEST(failing.reached());
}

BOOST_AUTO_TEST_CASE(every_read_fails_once) {
  const TemporaryDirectory directory;
  const auto path = directory / "weights.safetensors";
  save_safetensors(path, tensors(2));
  for (const int error : {EIO, EINTR}) {
    int failed = 0;
    for (int k = 1;; ++k) {
      const FailingCall failing(k, Failure::error, error);
      std::string message;
      try {
        BOOST_TEST(found(path) == "new");
      } catch (const Error& e) {
        message = e.what();
        ++failed;
        BOOST_TEST(message.find(path.string()) != std::string::npos, message);
        BOOST_TEST(message.find(std::strerror(error)) != std::string::npos, message);
      }
      if (!failing.reached()) break;
    }
    BOOST_TEST(failed == (error == EINTR ? 0 : 6));  // opening, length, header, two tensors, end
  }
}

BOOST_AUTO_TEST_CASE(full_disk) {
  const TemporaryDirectory directory;
  const auto path = directory / "weights.safetensors";
  save_safetensors(path, tensors(1));
  // The limit on the size of files gives EFBIG, after a part was written, as a full disk gives ENOSPC.
  struct sigaction ignore {};
  struct sigaction before {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGXFSZ, &ignore, &before);
  rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  rlimit small = limit;
  small.rlim_cur = 100'000;
  ::setrlimit(RLIMIT_FSIZE, &small);
  const auto message = fails_with({path.c_str(), "File too large", "make room", "unchanged"}, [&] {
    save_safetensors(path, {{"a", Tensor::zeros({1'000'000})}});
  });
  ::setrlimit(RLIMIT_FSIZE, &limit);
  ::sigaction(SIGXFSZ, &before, nullptr);
  BOOST_TEST(message);
  BOOST_TEST(found(path) == "old");
  BOOST_TEST((directory.files() == Names{"weights.safetensors"}));
}

// A process that is killed around any of its calls leaves the old file or the new one.
BOOST_AUTO_TEST_CASE(killed_at_every_call) {
  const TemporaryDirectory directory;
  const auto path = directory / "weights.safetensors";
  for (const Failure failure : {Failure::kill_before, Failure::kill_after}) {
    int killed = 0;
    int renewed = 0;
    for (int k = 1;; ++k) {
      save_safetensors(path, tensors(1));
      const pid_t child = ::fork();
      if (child == 0) {
        const FailingCall failing(k, failure);
        save_safetensors(path, tensors(2));
        ::_exit(0);
      }
      int status = 0;
      ::waitpid(child, &status, 0);
      const std::string left = found(path);
      BOOST_TEST((left == "old" || left == "new"), left);
      if (left == "new") ++renewed;
      clean(directory.path());
      BOOST_TEST((directory.files() == Names{"weights.safetensors"}));
      if (!WIFSIGNALED(status)) break;
      ++killed;
    }
    BOOST_TEST(killed > 9);
    BOOST_TEST(renewed > 1);
    BOOST_TEST(renewed < killed);
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(byte_source)

BOOST_AUTO_TEST_CASE(files_that_cannot_be_read) {
  const TemporaryDirectory directory;
  const auto nothing = directory / "nothing";
  BOOST_TEST(fails_with({nothing.c_str(), "No such file or directory"}, [&] { FileSource source(nothing); }));
  BOOST_TEST(fails_with({"not a regular file"}, [&] { FileSource source(directory.path()); }));
  BOOST_TEST(fails_with({"not a regular file"}, [] { FileSource source("/dev/zero"); }));
  const auto pipe = directory / "pipe";
  ::mkfifo(pipe.c_str(), 0600);
  BOOST_TEST(fails_with({pipe.c_str(), "not a regular file"}, [&] { FileSource source(pipe); }));
}

// Files that change while they are read.
BOOST_AUTO_TEST_CASE(shrinking_and_growing) {
  const TemporaryDirectory directory;
  const auto path = directory / "file";
  test::put_file(path, "0123456789");
  std::array<std::byte, 10> out{};
  {
    FileSource source(path);
    fs::resize_file(path, 4);
    BOOST_TEST(source.size() == 10u);
    BOOST_TEST(fails_with({path.c_str(), "an end after 4 bytes of the thing", "10 bytes"},
                          [&] { source.read_exactly(out, "the thing"); }));
  }
  {
    FileSource source(path);
    fs::resize_file(path, 5);
    source.read_exactly(std::span(out).first(4), "the thing");
    BOOST_TEST(fails_with({path.c_str(), "more bytes"}, [&] { source.expect_end(); }));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
