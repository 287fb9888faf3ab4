#include "lab/program/picture_commands.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <ostream>

#include "data/packed_set.h"
#include "data/picture_survey.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "framework/tensor/random.h"
#include "framework/tensor/suggest.h"
#include "lab/format/numbers.h"
#include "lab/program/progress.h"
#include "lab/program/published_data.h"

namespace ebb {
namespace {

using Pictures = std::vector<SurveyedPicture>;

PictureSurvey survey_of(const std::string& what, std::ostream& out) {
  if (what.ends_with(packed_set_ending)) return survey_pictures(load_packed_set(what));
  const PictureFolder folder = find_pictures(what);
  if (!folder.others.empty()) out << "\npassed over, no pictures of a class:" << listed_offenders(folder.others);
  Progress progress("verify", static_cast<std::int64_t>(folder.train.size() + folder.test.size()), "pictures");
  return survey_pictures(folder, [&](std::int64_t done, std::int64_t) { progress.update(done, {}); });
}

void print_classes(const PictureSurvey& survey, const Pictures& pictures, std::ostream& out) {
  std::vector<std::int64_t> counts(survey.classes.size());
  for (const SurveyedPicture& one : pictures) ++counts[static_cast<std::size_t>(one.label)];
  const auto [least, most] = std::ranges::minmax(counts);
  out << "  " << counts.size() << " classes of " << grouped(least);
  if (least != most) out << " to " << grouped(most);
  out << " pictures\n";
  constexpr std::size_t most_lines = 100;
  for (std::size_t c = 0; c < std::min(most_lines, counts.size()); ++c)
    out << "    " << printable_line(survey.classes[c]) << "  " << grouped(counts[c]) << '\n';
  if (counts.size() > most_lines) out << "    and " << counts.size() - most_lines << " more\n";
}

// The commonest sizes, and how many there are.
void print_sizes(const Pictures& pictures, std::ostream& out) {
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> counts;
  std::int64_t grey = 0, read = 0;
  for (const SurveyedPicture& one : pictures)
    if (one.problem.empty()) {
      ++counts[{one.size.height, one.size.width}];
      grey += one.grey ? 1 : 0;
      ++read;
    }
  std::vector<std::pair<std::int64_t, PictureSize>> sizes;
  for (const auto& [size, count] : counts) sizes.emplace_back(count, PictureSize{size.first, size.second});
  std::ranges::stable_sort(sizes, std::ranges::greater(), [](const auto& size) { return size.first; });
  out << "  " << grouped(grey) << " grey, " << grouped(read - grey) << " in colour\n  " << sizes.size()
      << (sizes.size() == 1 ? " size" : " sizes, height x width, the commonest first") << '\n';
  constexpr std::size_t most_lines = 10;
  for (std::size_t i = 0; i < std::min(most_lines, sizes.size()); ++i)
    out << "    " << to_text(sizes[i].second) << "  " << grouped(sizes[i].first) << '\n';
  std::int64_t rest = 0;
  for (std::size_t i = most_lines; i < sizes.size(); ++i) rest += sizes[i].first;
  if (rest > 0) out << "    others  " << grouped(rest) << '\n';
}

void print_split(const PictureSurvey& survey, const Pictures& pictures, const char* name, std::ostream& out) {
  if (pictures.empty()) return;
  out << '\n' << grouped(static_cast<std::int64_t>(pictures.size())) << name << '\n';
  print_classes(survey, pictures, out);
  print_sizes(pictures, out);
}

void print_list(const std::vector<std::string>& list, const char* what, std::ostream& out) {
  out << what << ": ";
  if (list.empty()) out << "none\n";
  else out << grouped(static_cast<std::int64_t>(list.size())) << listed_offenders(list);
}

void print_equal(const PictureSurvey& survey, const Pictures& first, const Pictures& second, const char* where,
                 std::ostream& out) {
  std::vector<std::string> list;
  for (const EqualPictures& pair : equal_pictures(first, second)) {
    list.push_back(text(pair.first->source, " and ", pair.second->source));
    const auto name = [&](const SurveyedPicture* one) { return survey.classes[static_cast<std::size_t>(one->label)]; };
    if (pair.first->label != pair.second->label)
      list.back() += text(", as ", name(pair.first), " and as ", name(pair.second));
  }
  print_list(list, where, out);
}

// Classes of which a split has no picture that can be read.
std::vector<std::string> lacking(const PictureSurvey& survey, const Pictures& pictures) {
  std::vector<bool> there(survey.classes.size(), false);
  for (const SurveyedPicture& one : pictures)
    if (one.problem.empty()) there[static_cast<std::size_t>(one.label)] = true;
  std::vector<std::string> out;
  for (std::size_t c = 0; c < there.size(); ++c)
    if (!there[c]) out.push_back(survey.classes[c]);
  return out;
}

// The files of a folder that are wanted: some of each class, chosen by the seed.
std::vector<FolderPicture> some_of(std::vector<FolderPicture> all, std::int64_t classes, std::int64_t of_each,
                                   std::uint64_t seed) {
  const Rng rng = Rng(seed).at("some pictures");
  std::ranges::sort(all, {}, [&](const FolderPicture& one) { return rng.at(one.name).bits(0); });
  std::vector<std::int64_t> left(static_cast<std::size_t>(classes), of_each);
  std::erase_if(all, [&](const FolderPicture& one) {
    return one.label >= classes || left[static_cast<std::size_t>(one.label)]-- <= 0;
  });
  return all;
}

PictureSize at_most(PictureSize size, std::int64_t most) {
  const std::int64_t longer = std::max(size.height, size.width);
  if (longer <= most) return size;
  return {std::max<std::int64_t>(1, size.height * most / longer),
          std::max<std::int64_t>(1, size.width * most / longer)};
}

}  // namespace

bool is_pictures(const std::string& what) {
  std::error_code error;
  return !same_name(what, published_names()) &&
         (what.ends_with(packed_set_ending) || std::filesystem::is_directory(what, error));
}

int verify_pictures(const std::string& what, std::ostream& out) {
  out << printable_line(what) << '\n';
  const PictureSurvey survey = survey_of(what, out);
  const bool split = !survey.test.empty();
  print_split(survey, survey.train, split ? " training pictures" : " pictures, no test set", out);
  print_split(survey, survey.test, " test pictures", out);
  std::vector<std::string> broken, constant;
  for (const Pictures* const pictures : {&survey.train, &survey.test})
    for (const SurveyedPicture& one : *pictures) {
      if (!one.problem.empty()) broken.push_back(one.problem);
      else if (one.deviation < least_deviation) constant.push_back(one.source);
    }
  out << "\nequal pictures\n";
  print_equal(survey, survey.train, survey.train, split ? "  within train" : "  within the folder", out);
  if (split) {
    print_equal(survey, survey.test, survey.test, "  within test", out);
    print_equal(survey, survey.train, survey.test, "  in train and test", out);
  }
  out << '\n';
  print_list(constant, "nearly constant pictures", out);
  print_list(broken, "pictures that cannot be read", out);
  const std::vector<std::string> not_learned = lacking(survey, survey.train);
  const std::vector<std::string> not_evaluated = split ? lacking(survey, survey.test) : std::vector<std::string>();
  print_list(not_learned, split ? "classes without a picture in train" : "classes without a picture", out);
  if (split) print_list(not_evaluated, "classes without a picture in test", out);
  return broken.empty() && not_learned.empty() && not_evaluated.empty() ? 0 : 1;
}

ImageDataset some_pictures(const std::string& what, bool test, std::int64_t classes, std::int64_t of_each,
                           std::uint64_t seed) {
  if (what.ends_with(packed_set_ending)) {
    const PictureSet set = load_packed_set(what);
    return to_dataset(set, test ? Split::test : Split::train, picture_statistics(set));
  }
  PictureFolder folder = find_pictures(what);
  if (test && !folder.has_test) fail(what, "a folder without a test set", "one with", "leave --test out");
  const auto count = std::min<std::int64_t>(classes, static_cast<std::int64_t>(folder.classes.size()));
  folder.train = some_of(test ? folder.test : folder.train, count, of_each, seed);
  folder.test = folder.train;
  folder.has_test = true;
  folder.classes.resize(static_cast<std::size_t>(count));
  const PictureSize size = at_most(median_size(survey_pictures(folder)), 192);
  const PictureSet set = read_pictures(folder, {.size = size, .skip_broken = true}).set;
  return to_dataset(set, Split::train, picture_statistics(set));
}

}  // namespace ebb
