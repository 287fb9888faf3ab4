#include "framework/io/directory.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "framework/io/atomic_file.h"
#include "framework/io/read_text.h"
#include "framework/io/safetensors.h"
#include "tests/support/errors.h"
#include "tests/support/mutate.h"
#include "tests/support/temporary_directory.h"

namespace ebb::directory_test {
namespace {

namespace fs = std::filesystem;
using test::fails_with;
using test::TemporaryDirectory;
using Entry = Directory::Entry;
using Names = std::vector<std::string>;

std::string contents(const fs::path& path) { return test::text_of(test::file_bytes(path)); }

BOOST_AUTO_TEST_SUITE(directory)

BOOST_AUTO_TEST_CASE(says_what_has_a_name) {
  const TemporaryDirectory folder;
  test::put_file(folder / "file", "x");
  fs::create_directory(folder / "inner");
  fs::create_symlink("file", folder / "link");
  fs::create_symlink("nowhere", folder / "dangling");
  ::mkfifo((folder / "pipe").c_str(), 0600);
  const Directory there(folder.path());
  BOOST_TEST((there.entry("file") == Entry::file));
  BOOST_TEST((there.entry("inner") == Entry::directory));
  BOOST_TEST((there.entry("link") == Entry::link));
  BOOST_TEST((there.entry("dangling") == Entry::link));
  BOOST_TEST((there.entry("pipe") == Entry::other));
  BOOST_TEST((there.entry("none") == Entry::nothing));
  BOOST_TEST((there.entries() == Names{"dangling", "file", "inner", "link", "pipe"}));
  BOOST_TEST(fails_with({(folder / "none").c_str(), "No such file"}, [&] { Directory none(folder / "none"); }));
  BOOST_TEST(fails_with({(folder / "file").c_str(), "Not a directory"}, [&] { Directory none(folder / "file"); }));
}

BOOST_AUTO_TEST_CASE(links_in_it_are_neither_read_nor_written_through) {
  const TemporaryDirectory folder, elsewhere;
  test::put_file(elsewhere / "file", "theirs");
  fs::create_symlink(elsewhere / "file", folder / "link");
  fs::create_symlink(elsewhere.path(), folder / "inner");
  const Directory there(folder.path());
  const std::string name = (folder / "link").string();
  BOOST_TEST(fails_with({name, "a symbolic link", "remove the link"}, [&] { there.open("link", O_RDWR | O_APPEND); }));
  BOOST_TEST(fails_with({name, "a symbolic link", "remove the link"}, [&] { write_file(there, "link", "mine"); }));
  BOOST_TEST(fails_with({name, "a symbolic link"}, [&] { save_safetensors(there, "link", {}); }));
  BOOST_TEST(fails_with({name, "a symbolic link"}, [&] { FileSource source(there, "link"); }));
  BOOST_TEST(fails_with({"inner", "a symbolic link"}, [&] { Directory inner(there, "inner"); }));
  BOOST_TEST(contents(elsewhere / "file") == "theirs");
  BOOST_TEST((elsewhere.files() == Names{"file"}));
  BOOST_TEST(there.remove("link"));
  BOOST_TEST(there.remove("link"));  // nothing is there
  BOOST_TEST(contents(elsewhere / "file") == "theirs");
}

BOOST_AUTO_TEST_CASE(what_is_no_regular_file_is_refused_without_waiting) {
  const TemporaryDirectory folder;
  ::mkfifo((folder / "pipe").c_str(), 0600);
  fs::create_directory(folder / "inner");
  const Directory there(folder.path());
  for (const int flags : {O_RDONLY, O_RDWR | O_CREAT, O_WRONLY})
    BOOST_TEST(fails_with({"pipe", "a named pipe"}, [&] { there.open("pipe", flags); }));
  BOOST_TEST(fails_with({"inner", "a directory"}, [&] { there.open("inner", O_RDWR | O_CREAT); }));
  BOOST_TEST(fails_with({"none", "No such file"}, [&] { there.open("none", O_RDONLY); }));
}

BOOST_AUTO_TEST_CASE(files_stay_in_the_directory_that_was_opened) {
  const TemporaryDirectory folder;
  const fs::path path = folder / "run", moved = folder / "moved";
  fs::create_directory(path);
  const Directory held(path);
  BOOST_TEST(held.in_place());
  BOOST_TEST((held.now() == path));
  AtomicFile begun(held, "begun");
  fs::rename(path, moved);
  BOOST_TEST(!held.in_place());
  BOOST_TEST(!held.removed());
  BOOST_TEST((held.now() == moved));
  // A stranger's directory appears under the old name.
  fs::create_directory(path);
  test::put_file(path / "log", "theirs");
  begun.write(test::bytes_of("b"));
  begun.commit();
  write_file(held, "file", "mine");
  save_safetensors(held, "weights", {{"a", Tensor::zeros({1})}});
  held.make("inner");
  write_file(Directory(held, "inner"), "file", "mine");
  BOOST_TEST(load_safetensors(held, "weights").tensors.size() == 1u);
  BOOST_TEST((held.entry("log") == Entry::nothing));
  BOOST_TEST(held.remove("log"));
  BOOST_TEST(contents(path / "log") == "theirs");
  BOOST_TEST((Directory(path).entries() == Names{"log"}));
  BOOST_TEST((Directory(moved).entries() == Names{"begun", "file", "inner", "weights"}));
}

BOOST_AUTO_TEST_CASE(a_removed_directory_takes_nothing) {
  const TemporaryDirectory folder;
  const fs::path path = folder / "run";
  fs::create_directory(path);
  const Directory held(path);
  fs::remove_all(path);
  BOOST_TEST(held.removed());
  BOOST_TEST(!held.now().has_value());
  fs::create_directory(path);
  BOOST_TEST(!held.in_place());
  BOOST_TEST(fails_with({"file", "its directory was removed"}, [&] { write_file(held, "file", "mine"); }));
  BOOST_TEST(fails_with({"log", "the directory was removed"}, [&] { held.open("log", O_RDWR | O_CREAT); }));
  BOOST_TEST(fails_with({"inner", "removed"}, [&] { held.make("inner"); }));
  BOOST_TEST(fs::is_empty(path));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(texts)

BOOST_AUTO_TEST_CASE(are_read_up_to_a_limit) {
  const TemporaryDirectory folder;
  const fs::path path = folder / "file";
  test::put_file(path, "0123456789");
  BOOST_TEST(read_text(path, 10) == "0123456789");
  BOOST_TEST(fails_with({path.c_str(), "10 bytes", "at most 9"}, [&] { read_text(path, 9); }));
  // It grows between the look at its size and the reading.
  FileSource source(path);
  std::ofstream(path) << std::string(200'000, 'x');
  BOOST_TEST(fails_with({path.c_str(), "at most 100000"}, [&] { read_text(source, 100'000); }));
  // A terabyte of nothing is refused by its size.
  fs::resize_file(path, std::uintmax_t{1} << 40);
  BOOST_TEST(fails_with({path.c_str(), text(std::int64_t{1} << 40, " bytes")}, [&] { read_text(path, 1000); }));
}

BOOST_AUTO_TEST_CASE(come_from_regular_files_only) {
  const TemporaryDirectory folder;
  ::mkfifo((folder / "pipe").c_str(), 0600);
  fs::create_symlink("/dev/zero", folder / "zeros");
  fs::create_symlink("round", folder / "round");
  test::put_file(folder / "file", "x");
  fs::create_symlink("file", folder / "link");
  BOOST_TEST(fails_with({"pipe", "a named pipe", "regular file"}, [&] { read_text(folder / "pipe", 10); }));
  BOOST_TEST(fails_with({"zeros", "a device", "regular file"}, [&] { read_text(folder / "zeros", 10); }));
  BOOST_TEST(fails_with({"a directory", "regular file"}, [&] { read_text(folder.path(), 10); }));
  BOOST_TEST(fails_with({"round", "symbolic links"}, [&] { read_text(folder / "round", 10); }));
  BOOST_TEST(read_text(folder / "link", 10) == "x");
}

BOOST_AUTO_TEST_CASE(come_in_lines) {
  const TemporaryDirectory folder;
  const auto lines = [&](const std::string& all, std::size_t longest) {
    test::put_file(folder / "file", all);
    FileSource source(folder / "file");
    Names out;
    read_lines(source, 1 << 20, longest, [&](const std::string& line) { out.push_back(line); });
    return out;
  };
  BOOST_TEST((lines("", 5).empty()));
  BOOST_TEST((lines("a\n\nbc\n", 5) == Names{"a", "", "bc"}));
  BOOST_TEST((lines("a\ncut off", 7) == Names{"a", "cut off"}));
  BOOST_TEST((lines("a\n123456\nb", 5) == Names{"a", "b"}));
  BOOST_TEST((lines("a\n123456", 5) == Names{"a"}));
  // Lines over the borders of the pieces that are read.
  const std::string half(40'000, 'x');
  BOOST_TEST((lines(half + '\n' + half + '\n' + half, 40'000) == Names{half, half, half}));
  BOOST_TEST((lines(half + '\n' + half + "y\nz", 40'000) == Names{half, "z"}));
  test::put_file(folder / "file", std::string(2 << 20, '\n'));
  FileSource source(folder / "file");
  BOOST_TEST(fails_with({"2097152 bytes"}, [&] { read_lines(source, 1 << 20, 10, [](const std::string&) {}); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::directory_test
