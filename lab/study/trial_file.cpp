#include "lab/study/trial_file.h"

#include <algorithm>
#include <charconv>
#include <span>

#include "framework/io/checksum.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/study/number_text.h"

namespace ebb {
namespace {

constexpr std::string_view trial_head = "ebb trial 1", trial_sum = "sha256 ";

std::string sha256_of(std::string_view bytes) { return sha256(std::as_bytes(std::span(bytes))); }

// All of a text as a number; nothing where it is none, or has something behind it.
template <class Number>
std::optional<Number> whole_number(std::string_view text) {
  Number out{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return out;
}

// Takes the lines of a text from the front.
class Lines {
 public:
  Lines(std::string_view text, const std::string& where) : rest_(text), where_(where) {}

  bool done() const { return rest_.empty(); }

  std::string_view next() {
    const std::size_t end = rest_.find('\n');
    if (end == std::string_view::npos) wrong(rest_, "a line with its end");
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return line;
  }

  // The rest of a line that begins with `name` and a space.
  std::string_view value(std::string_view name) {
    const std::string_view line = next();
    if (line.size() <= name.size() || !line.starts_with(name) || line[name.size()] != ' ')
      wrong(line, text(name, " ..."));
    return line.substr(name.size() + 1);
  }

  template <class Number>
  Number number(std::string_view name) {
    const std::string_view found = value(name);
    const std::optional<Number> out = whole_number<Number>(found);
    if (!out) wrong(found, text(name, " with a number"));
    return *out;
  }

  [[noreturn]] void wrong(std::string_view seen, const std::string& wanted) const {
    fail(where_, text("a damaged trial: ", in_quotes(seen)), wanted);
  }

 private:
  std::string_view rest_;
  const std::string& where_;
};

}  // namespace

Record restored(const std::vector<Measured>& numbers) {
  Record out;
  for (const Measured& one : numbers) out.insert(one.measure, one.step, one.value);
  return out;
}

std::string trial_name(std::size_t arm, std::uint64_t pair) {
  std::string number = text(arm);
  number.insert(0, number.size() < 4 ? 4 - number.size() : 0, '0');
  return text("arm-", number, ".pair-", pair);
}

bool is_trial_name(const std::string& name) {
  const std::size_t middle = name.find(".pair-");
  if (!name.starts_with("arm-") || middle == std::string::npos) return false;
  const auto arm = whole_number<std::size_t>(std::string_view(name).substr(4, middle - 4));
  const auto pair = whole_number<std::uint64_t>(std::string_view(name).substr(middle + 6));
  return arm && pair && name == trial_name(*arm, *pair);
}

std::string numbers_text(const Record& record) {
  std::string out;
  for (const Measured& one : record.all())
    out += text(one.measure, ',', one.step < 0 ? std::string() : text(one.step), ',', exact_text(one.value), '\n');
  return out;
}

std::string to_text(const TrialResult& trial) {
  std::string out =
      text(trial_head, "\nkey ", trial.key, "\narm ", arm_text(trial.arm), "\npair ", trial.pair, "\nseconds ",
           exact_text(trial.seconds), "\nvalues ", trial.record.all().size(), '\n', numbers_text(trial.record));
  return out + text(trial_sum, sha256_of(out), '\n');
}

TrialResult trial_from_text(const std::string& contents, const std::string& where, const std::vector<Arm>& arms) {
  const std::size_t end = contents.rfind(trial_sum);
  const std::string_view body = std::string_view(contents).substr(0, end == std::string::npos ? 0 : end);
  if (contents.substr(body.size()) != text(trial_sum, sha256_of(body), '\n'))
    fail(where, "a trial that is cut off or damaged", "one that ends in its checksum");
  Lines lines(body, where);
  if (lines.next() != trial_head) lines.wrong(body.substr(0, body.find('\n')), std::string(trial_head));
  TrialResult out;
  out.key = lines.value("key");
  const std::string arm(lines.value("arm"));
  const auto found = std::ranges::find(arms, arm, arm_text);
  if (found != arms.end()) out.arm = *found;
  else out.key.clear();  // of another declaration
  out.pair = lines.number<std::uint64_t>("pair");
  out.seconds = lines.number<double>("seconds");
  const auto count = lines.number<std::size_t>("values");
  std::vector<Measured> numbers;
  while (!lines.done()) {
    const std::string_view line = lines.next();
    const std::size_t last = line.rfind(','), first = last == std::string_view::npos ? last : line.rfind(',', last - 1);
    if (last == std::string_view::npos || last == 0 || first == std::string_view::npos)
      lines.wrong(line, "measure,step,value");
    const std::string_view step = line.substr(first + 1, last - first - 1);
    const auto number = step.empty() ? std::optional<std::int64_t>(-1) : whole_number<std::int64_t>(step);
    const auto value = whole_number<double>(line.substr(last + 1));
    if (!number || *number < -1 || !value) lines.wrong(line, "measure,step,value");
    numbers.push_back({std::string(line.substr(0, first)), *number, *value});
  }
  out.record = restored(numbers);
  if (numbers.size() != count) fail(where, text(numbers.size(), " numbers"), text(count, ", as its head says"));
  return out;
}

}  // namespace ebb
