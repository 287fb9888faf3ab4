// A file that is put into lab/studies is a study of the program; no other file is touched. The build copies lab/studies
// and puts tests/support/added_study.cpp into the copy.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <regex>

#include "lab/studies/studies.h"
#include "tests/lab/program.h"
#include "tests/support/temporary_directory.h"

namespace ebb {
namespace {

test::Finished with_one_more(const std::string& arguments) {
  return test::shell(text(EBB_MORE_STUDIES, " study ", arguments));
}

BOOST_AUTO_TEST_SUITE(added_study)

BOOST_AUTO_TEST_CASE(a_file_of_seventy_lines_in_the_folder_of_studies_is_listed_run_and_reported) {
  const std::string source = test::read(EBB_SOURCE_DIR "/tests/support/added_study.cpp");
  BOOST_TEST(!source.empty());
  BOOST_TEST(std::ranges::count(source, '\n') <= 70);
  const std::string list = with_one_more("list").output;
  BOOST_TEST(std::regex_search(list, std::regex("\ndecay_alone +T0 +32 ")), list);
  for (const Study& study : built_in_studies()) BOOST_TEST(test::has(list, "\n" + study.name + ' '), study.name);
  BOOST_TEST(static_cast<std::size_t>(std::ranges::count(list, '\n')) == built_in_studies().size() + 2, list);

  const test::TemporaryDirectory folder;
  const test::Finished run = with_one_more("run decay_alone --jobs 2 --out " + folder.path().string());
  BOOST_TEST(run.status == 0, run.output);
  BOOST_TEST(test::has(run.output, "decay_alone: 32 trials, 32 of them made now"), run.output);
  BOOST_TEST(std::regex_search(run.output, std::regex("\n1 +confirmed")), run.output);
  const test::Finished report =
      with_one_more(text("report decay_alone --runs ", folder.path().string(), " --out ", (folder / "pages").string()));
  BOOST_TEST(report.status == 0, report.output);
  BOOST_TEST(test::has(test::read(folder / "pages" / "decay_alone.md"), "# What decay alone leaves"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
