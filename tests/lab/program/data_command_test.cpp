#include "lab/program/data_command.h"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sstream>

#include "lab/program/fetch.h"
#include "tests/data/packed.h"
#include "tests/support/errors.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_directory.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;
using test::bytes_of;
using test::fails_with;
using test::file_bytes;
using test::gzip;
using test::put_file;
using test::TemporaryDirectory;

// Two files, of "abc" and of 100,000 letters a.
PublishedSet letters() {
  return {.name = "letters",
          .contents = {{"abc", Split::train, 3, "900150983cd24fb0d6963f7d28e17f72"},
                       {"many", Split::test, 100'000, "1af6d6f2f682f76f80e606aeaaee1680"}}};
}

// A source of the files, a place for them, and what was said.
struct Site {
  TemporaryDirectory root;
  fs::path source = root / "a source; $(touch oops)";
  fs::path directory = root / "place of 'data' & more";
  std::string said;

  Site() {
    fs::create_directories(source);
    put_file(source / "abc.gz", gzip(bytes_of("abc")));
    put_file(source / "many.gz", gzip(bytes_of(std::string(100'000, 'a')), 0));
  }
  std::vector<fs::path> run(const PublishedSet& set = letters(), const std::string& curl = "curl") {
    said.clear();
    std::string address = "file://" + source.string();
    for (std::size_t at; (at = address.find(' ')) != std::string::npos;) address.replace(at, 1, "%20");
    return fetch(set, {.directory = directory,
                       .source = address,
                       .curl = curl,
                       .quiet = true,
                       .on_line = [this](const std::string& line) { said += line + '\n'; }});
  }
  bool has_said(const char* part) const { return said.find(part) != std::string::npos; }
  bool complete() const {
    return file_bytes(directory / "abc.gz") == file_bytes(source / "abc.gz") &&
           file_bytes(directory / "many.gz") == file_bytes(source / "many.gz") && !fs::exists(directory / ".partial");
  }
};

BOOST_AUTO_TEST_SUITE(data_fetch)

BOOST_AUTO_TEST_CASE(downloads_and_keeps_what_is_there) {
  Site site;
  const std::vector<fs::path> files = site.run();
  BOOST_TEST((files == std::vector<fs::path>{site.directory / "abc.gz", site.directory / "many.gz"}));
  BOOST_TEST(site.complete());
  BOOST_TEST(site.has_said("abc.gz is complete"));
  BOOST_TEST(!fs::exists("oops"));
  site.run();
  BOOST_TEST(site.has_said("abc.gz is there and as published"));
  BOOST_TEST(!site.has_said("comes from"));
  put_file(site.directory / "abc.gz", gzip(bytes_of("abd")));
  site.run();
  BOOST_TEST(site.has_said("abc.gz is there, but damaged (abc: MD5 "));
  BOOST_TEST(site.complete());
}

BOOST_AUTO_TEST_CASE(resumes) {
  Site site;
  const auto whole = file_bytes(site.source / "many.gz");
  fs::create_directories(site.directory / ".partial");
  // Half of the file; all of it; and the beginning of another.
  put_file(site.directory / ".partial/many.gz", std::span(whole).first(whole.size() / 2));
  site.run();
  BOOST_TEST(site.has_said("many.gz resumes from"));
  BOOST_TEST(!site.has_said("many.gz comes from"));
  BOOST_TEST(site.complete());

  for (const bool right : {true, false}) {
    fs::remove(site.directory / "many.gz");
    fs::create_directories(site.directory / ".partial");
    auto part = whole;
    if (!right) part.assign(5000, std::byte{'x'});
    put_file(site.directory / ".partial/many.gz", part);
    site.run();
    BOOST_TEST(site.has_said("many.gz resumes from"));
    BOOST_TEST(site.has_said("many.gz comes from") == !right);
    BOOST_TEST(site.complete());
  }
}

BOOST_AUTO_TEST_CASE(wrong_contents_are_not_taken) {
  Site site;
  put_file(site.source / "many.gz", gzip(bytes_of(std::string(100'000, 'b'))));
  BOOST_TEST(fails_with({"[many.gz]", "many: MD5 ", "instead of 1af6d6f2f682f76f80e606aeaaee1680", "--from"},
                        [&] { site.run(); }));
  BOOST_TEST(!fs::exists(site.directory / "many.gz"));
  BOOST_TEST(!fs::exists(site.directory / ".partial/many.gz"));
  put_file(site.source / "many.gz", std::string_view("<html>404"));
  BOOST_TEST(fails_with({"[many.gz]", "9 bytes instead of 100000"}, [&] { site.run(); }));
  fs::remove(site.source / "many.gz");
  BOOST_TEST(fails_with({"[many.gz]", "curl ended with status 37"}, [&] { site.run(); }));
  BOOST_TEST(fs::exists(site.directory / "abc.gz"));
}

// The part stays when the connection breaks, and no address is ever taken for an option.
BOOST_AUTO_TEST_CASE(interrupted_and_missing_programs) {
  Site site;
  const fs::path broken = site.root / "broken-curl";
  std::ofstream(broken) << "#!/bin/sh\nwhile [ \"$1\" != --output ]; do shift; done\nprintf half >\"$2\"\nexit 18\n";
  fs::permissions(broken, fs::perms::owner_all);
  BOOST_TEST(fails_with({"[abc.gz]", "curl ended with status 18"}, [&] { site.run(letters(), broken.string()); }));
  BOOST_TEST(file_bytes(site.directory / ".partial/abc.gz").size() == 4u);
  BOOST_TEST(
      fails_with({"No such file", "apt install curl"}, [&] { site.run(letters(), (site.root / "no-curl").string()); }));
  PublishedSet unpublished = letters();
  unpublished.remedy = "ask the author";
  BOOST_TEST(fails_with({"letters", "ask the author"}, [&] { fetch(unpublished, {.directory = site.directory}); }));
}

BOOST_AUTO_TEST_CASE(archives) {
  Site site;
  PublishedSet set = letters();
  set.archive = "letters.tar.gz";
  put_file(site.source / "letters.tar.gz",
           gzip(test::tar({{"x/abc", bytes_of("abc")}, {"x/many", bytes_of(std::string(100'000, 'a'))}})));
  BOOST_TEST((site.run(set) == std::vector<fs::path>{site.directory / "letters.tar.gz"}));
  put_file(site.source / "letters.tar.gz", gzip(test::tar({{"x/abc", bytes_of("abc")}})));
  fs::remove(site.directory / "letters.tar.gz");
  BOOST_TEST(fails_with({"many: not in the archive"}, [&] { site.run(set); }));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(data_verify)

BOOST_AUTO_TEST_CASE(real_digits) {
  const fs::path directory = test::shared_data("optdigits");
  if (directory.empty()) return;
  std::ostringstream out;
  BOOST_TEST(run(DataVerifyCommand{.set = "optdigits", .directory = directory.string()}, out) == 0);
  for (const char* part :
       {"optdigits.tra               as published", "3,823 train images of [8, 8, 1]", "mean 0.3078  deviation 0.3771",
        "1,797 test images", "in train and test: none", "all files are as published"})
    BOOST_TEST(out.str().find(part) != std::string::npos, part << " in " << out.str());

  const TemporaryDirectory copy;
  fs::copy(directory / "optdigits.tes", copy / "optdigits.tes");
  auto bytes = file_bytes(directory / "optdigits.tra");
  bytes[0] = std::byte{'1'};  // one count of ink more
  put_file(copy / "optdigits.tra", bytes);
  std::ostringstream changed;
  BOOST_TEST(run(DataVerifyCommand{.set = "optdigits", .directory = copy.path().string()}, changed) == 1);
  BOOST_TEST(changed.str().find("MD5 ") != std::string::npos);
  BOOST_TEST(changed.str().find("the files are not as published") != std::string::npos);
  BOOST_TEST(fails_with({"\"optdigit\"", "optdigits"}, [&] { run(DataVerifyCommand{.set = "optdigit"}, changed); }));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(data_show)

BOOST_AUTO_TEST_CASE(draws_what_the_settings_ask_for) {
  const fs::path directory = test::shared_data("optdigits");
  if (directory.empty()) return;
  const TemporaryDirectory folder;
  std::ostringstream out;
  const auto picture = [&](const std::vector<std::string>& settings, std::int64_t columns = 2) {
    const fs::path file = folder / "digits.png";
    BOOST_TEST(run(DataShowCommand{.set = "optdigits",
                                   .directory = directory.string(),
                                   .file = file.string(),
                                   .columns = columns,
                                   .settings = settings},
                   out) == 0);
    return file_bytes(file);
  };
  const auto usual = picture({});
  BOOST_TEST((std::string(reinterpret_cast<const char*>(usual.data()), 8) == "\x89PNG\r\n\x1a\n"));
  BOOST_TEST(out.str().find("a row for each class (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)") != std::string::npos);
  BOOST_TEST((picture({}) == usual));
  BOOST_TEST((picture({"flip=random"}) != usual));
  BOOST_TEST((picture({"flip=none"}) != picture({"cutout=3"})));
  BOOST_TEST((picture({}, 1) != usual));
  BOOST_TEST(fails_with({"[--set]", "\"lr\"", "a key of augmentation"}, [&] { picture({"lr=1"}); }));
  BOOST_TEST(fails_with({"\"cutuot\"", "cutout"}, [&] { picture({"cutuot=1"}); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
