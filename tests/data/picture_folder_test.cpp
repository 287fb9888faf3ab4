// Folders of pictures: what is found, in which order, and what is refused.
#include "data/picture_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "tests/data/picture_files.h"
#include "tests/support/errors.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

using test::fails_with;
using test::put_below;
using test::TemporaryDirectory;

std::vector<std::string> names(const std::vector<FolderPicture>& pictures) {
  std::vector<std::string> out;
  for (const FolderPicture& picture : pictures) out.push_back(picture.name);
  return out;
}

using Names = std::vector<std::string>;

BOOST_AUTO_TEST_SUITE(picture_folder)

// Python: sorted(["cat", "Zebra", "dog", "ähre"]) and sorted(["10.png", "2.png", "B.jpg", "a.JPEG"]).
BOOST_AUTO_TEST_CASE(classes_and_files_stand_in_the_order_of_their_bytes) {
  const TemporaryDirectory root;
  for (const char* const name : {"cat/2.png", "cat/10.png", "dog/a.JPEG", "dog/B.jpg", "Zebra/1.png", "ähre/1.png"})
    put_below(root / name, "x");
  const PictureFolder found = find_pictures(root.path());
  BOOST_TEST(found.classes == (Names{"Zebra", "cat", "dog", "ähre"}), boost::test_tools::per_element());
  BOOST_TEST(
      names(found.train) == (Names{"Zebra/1.png", "ähre/1.png", "cat/10.png", "cat/2.png", "dog/B.jpg", "dog/a.JPEG"}),
      boost::test_tools::per_element());
  BOOST_TEST(found.train[1].label == 3);
  BOOST_TEST(!found.has_test);
  BOOST_TEST(found.test.empty());
}

BOOST_AUTO_TEST_CASE(hidden_and_system_files_are_passed_over_and_others_are_listed) {
  const TemporaryDirectory root;
  for (const char* const name :
       {"a/1.png", "b/1.png", "b/folder.png/2.jpg", ".git/x.png", "a/.hidden.png", "a/Thumbs.db", "a/desktop.ini",
        "__MACOSX/a/1.png", "a/__MACOSX/1.png", "a/notes.txt", "README", "b/c.gif", "stray.png"})
    put_below(root / name, "x");
  const PictureFolder found = find_pictures(root.path());
  BOOST_TEST(found.classes == (Names{"a", "b"}), boost::test_tools::per_element());
  BOOST_TEST(names(found.train) == (Names{"a/1.png", "b/1.png", "b/folder.png/2.jpg"}),
             boost::test_tools::per_element());
  BOOST_TEST(found.others == (Names{"README", "a/notes.txt", "b/c.gif", "stray.png"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(splits_are_known_by_their_names) {
  for (const auto& [train, test] : {std::pair("train", "test"), std::pair("train", "val"), std::pair("train", "valid"),
                                    std::pair("Train", "TEST")}) {
    const TemporaryDirectory root;
    for (const char* const name : {"a/1.png", "b/2.png"}) {
      put_below(root / train / name, "x");
      put_below(root / test / name, "x");
    }
    const PictureFolder found = find_pictures(root.path());
    BOOST_TEST(found.has_test);
    BOOST_TEST(found.classes == (Names{"a", "b"}), boost::test_tools::per_element());
    BOOST_TEST(names(found.train) == (Names{std::string(train) + "/a/1.png", std::string(train) + "/b/2.png"}),
               boost::test_tools::per_element());
    BOOST_TEST(names(found.test) == (Names{std::string(test) + "/a/1.png", std::string(test) + "/b/2.png"}),
               boost::test_tools::per_element());
  }
  // A train is also something that one takes pictures of.
  const TemporaryDirectory vehicles;
  for (const char* const name : {"train/1.png", "car/1.png"}) put_below(vehicles / name, "x");
  BOOST_TEST(find_pictures(vehicles.path()).classes == (Names{"car", "train"}), boost::test_tools::per_element());
  // Of two that may be the test set one is named as left out.
  const TemporaryDirectory both;
  for (const char* const split : {"train", "test", "val"})
    for (const char* const name : {"a/1.png", "b/1.png"}) put_below(both / split / name, "x");
  const PictureFolder found = find_pictures(both.path());
  BOOST_TEST(found.test.front().name == "test/a/1.png");
  BOOST_TEST(found.others == (Names{"val/"}), boost::test_tools::per_element());
  // A training set alone.
  const TemporaryDirectory one;
  for (const char* const name : {"train/a/1.png", "train/b/1.png"}) put_below(one / name, "x");
  BOOST_TEST(!find_pictures(one.path()).has_test);
  BOOST_TEST(find_pictures(one.path()).train.size() == 2U);
}

BOOST_AUTO_TEST_CASE(links_are_followed_once_and_cycles_end) {
  const TemporaryDirectory root, elsewhere;
  put_below(root / "a/1.png", "x");
  put_below(root / "b/1.png", "x");
  put_below(elsewhere / "more/2.png", "x");
  fs::create_directory_symlink(elsewhere / "more", root / "a/linked");
  fs::create_directory_symlink(elsewhere / "more", root / "a/again");  // the same directory
  fs::create_directory_symlink(root / "a", root / "a/self");
  fs::create_directory_symlink(root.path(), root / "b/up");
  fs::create_symlink(root / "a/1.png", root / "b/link.png");
  const PictureFolder found = find_pictures(root.path());
  BOOST_TEST(names(found.train) == (Names{"a/1.png", "b/1.png", "a/again/2.png", "b/link.png"}),
             boost::test_tools::per_element());
  fs::create_directory_symlink(root.path(), root / "loop");
  BOOST_TEST(fails_with({"classes without pictures", "loop"}, [&] { find_pictures(root.path()); }));
}

// Each with all offenders, of many the first twenty.
BOOST_AUTO_TEST_CASE(folders_that_are_no_data_set_are_refused) {
  const auto refused = [](const Names& files, std::initializer_list<std::string_view> parts) {
    const TemporaryDirectory root;
    for (const std::string& name : files)
      if (name.ends_with('/')) fs::create_directories(root / name);
      else put_below(root / name, "x");
    BOOST_TEST(fails_with(parts, [&] { find_pictures(root.path()); }));
  };
  refused({"a/1.png", "b/1.png", "c/", "d/notes.txt"}, {"classes without pictures", "\n  c", "\n  d"});
  refused({"train/a/1.png", "train/b/1.png", "test/a/1.png", "test/b/"}, {"without pictures", "test/b"});
  refused({"a/1.png"}, {"one class only", "\"a\""});
  for (const auto& [one, other] : {std::pair{"train", "validation"}, {"Training", "Testing"}, {"test", "val"}})
    refused({std::string(one) + "/a/1.png", std::string(other) + "/a/1.png"}, {"sound like splits", one, other});
  refused({"train/a/1.png", "train/b/1.png", "test/a/1.png", "test/c/1.png", "test/d/1.png"},
          {"that the training set lacks", "\n  c", "\n  d"});
  refused({"a/1.png", "A/1.png", "b/1.png"}, {"equal but for case", "\n  A", "\n  a"});
  refused({"train/dog/1.png", "train/b/1.png", "test/Dog/1.png"}, {"equal but for case", "\n  Dog", "\n  dog"});
  refused({}, {"no picture"});
  refused({"1.png", "2.png"}, {"no picture in a directory of a class"});
  refused({"train/1.png", "test/1.png"}, {"no picture in a directory of a class"});
  refused({"train/a/1.png", "train/b/1.png", "test/a/1.png", "extra/a/1.png"}, {"beside a training", "extra"});
  refused({"train/a/1.png", "Train/a/1.png", "test/a/1.png"}, {"Train and train"});
  refused({"a\nb/1.png", "b/1.png"}, {"no line of UTF-8", "a b"});
  refused({"\xFF/1.png", "b/1.png"}, {"no line of UTF-8"});
  Names many{"full/1.png"};
  for (int i = 100; i < 150; ++i) many.push_back("c" + std::to_string(i) + "/");
  refused(many, {"\n  c119", "and 30 more"});
  BOOST_TEST(fails_with({"no such directory"}, [] { find_pictures("/nowhere/at/all"); }));
}

// Whoever has a test set cannot hold a share out: that is no remedy there.
BOOST_AUTO_TEST_CASE(an_empty_test_half_is_told_before_anything_is_decoded) {
  const TemporaryDirectory root;
  for (const char* const name : {"train/a/1.png", "train/b/1.png"}) put_below(root / name, "x");
  for (const char* const split : {"test", "Val"}) {
    std::filesystem::create_directories(root / split);
    BOOST_TEST(fails_with({split, "a test set without a directory of a class", "or remove it"},
                          [&] { find_pictures(root.path()); }));
    std::filesystem::remove(root / split);
    BOOST_TEST(!find_pictures(root.path()).has_test);
  }
}

BOOST_AUTO_TEST_CASE(files_classes_and_depth_are_bounded) {
  const TemporaryDirectory root;
  for (const char* const name : {"a/1.png", "b/1.png", "b/c/d/e/f.png"}) put_below(root / name, "x");
  BOOST_TEST(fails_with({"more than 5 files"}, [&] { find_pictures(root.path(), {.files = 5}); }));
  BOOST_TEST(fails_with({"2 classes", "at most 1"}, [&] { find_pictures(root.path(), {.classes = 1}); }));
  BOOST_TEST(fails_with({"more than 2 directories"}, [&] { find_pictures(root.path(), {.depth = 2}); }));
  BOOST_TEST(find_pictures(root.path(), {.files = 9, .classes = 2, .depth = 3}).train.size() == 3U);
}

BOOST_AUTO_TEST_CASE(a_directory_that_cannot_be_read_is_named) {
  if (geteuid() == 0) {  // may read everything
    BOOST_TEST_MESSAGE("skipped: run by root");
    return;
  }
  const TemporaryDirectory root;
  for (const char* const name : {"a/1.png", "b/1.png"}) put_below(root / name, "x");
  ::chmod((root / "b").c_str(), 0);
  BOOST_TEST(fails_with({"/b", "Permission denied"}, [&] { find_pictures(root.path()); }));
  ::chmod((root / "b").c_str(), 0700);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
