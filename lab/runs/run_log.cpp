#include "lab/runs/run_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "framework/io/json_nesting.h"
#include "framework/io/read_text.h"
#include "framework/tensor/error.h"
#include "lab/runs/run_files.h"

namespace ebb {
namespace {

using Json = nlohmann::ordered_json;

double number(const Json& json, const char* key) {
  const auto at = json.find(key);
  return at == json.end() || !at->is_number() ? std::numeric_limits<double>::quiet_NaN() : at->get<double>();
}

// Whole numbers are taken by get_ref(), which converts nothing: 1e300 is refused.
StepResult step_from(const Json& json) {
  StepResult step{.step = json.at("step").get_ref<const std::int64_t&>(),
                  .epoch = json.at("epoch").get_ref<const std::int64_t&>(),
                  .loss = number(json, "loss"),
                  .lr = number(json, "lr"),
                  .groups = {}};
  for (const Json& g : json.at("groups"))
    step.groups.push_back({g.at("name").get<std::string>(), number(g, "lr"), number(g, "lambda"), number(g, "shrink"),
                           number(g, "weight_norm"), number(g, "gradient_norm")});
  return step;
}

EpochResult epoch_from(const Json& json, const std::string& evaluated_on) {
  return {.epoch = json.at("epoch").get_ref<const std::int64_t&>(),
          .lr = number(json, "lr"),
          .train_loss = number(json, "train_loss"),
          .train_accuracy = number(json, "train_accuracy"),
          .evaluation_loss = number(json, (evaluated_on + "_loss").c_str()),
          .evaluation_accuracy = number(json, (evaluated_on + "_accuracy").c_str()),
          .seconds = number(json, "seconds"),
          .images_per_second = number(json, "images_per_s")};
}

// A resumed run writes again what stood behind its checkpoint.
void forget_after(LogContents& log, std::int64_t step, std::int64_t epochs) {
  std::erase_if(log.steps, [&](const StepResult& s) { return s.step > step; });
  std::erase_if(log.epochs, [&](const EpochResult& e) { return e.epoch > epochs; });
  std::erase_if(log.ends, [&](const auto& end) { return end.first > epochs; });
  std::erase_if(log.windows, [&](const auto& window) { return window.second > step; });
}

void add(LogContents& log, const Json& line) {
  const auto kind = line.at("event").get<std::string>();
  if (kind == "diagnosis") {  // diagnostics.csv has the rest of it
    if (const auto step = line.find("step"); step != line.end() && step->is_number_integer())
      log.windows[line.at("updates").get_ref<const std::int64_t&>()] = step->get_ref<const std::int64_t&>();
    return;
  }
  if (kind == "step") return log.steps.push_back(step_from(line));
  if (kind == "epoch") {
    log.evaluated_on = line.contains("validation_loss") ? "validation" : "test";
    log.epochs.push_back(epoch_from(line, log.evaluated_on));
    if (const auto end = line.find("step"); end != line.end() && end->is_number_integer())
      log.ends[log.epochs.back().epoch] = end->get_ref<const std::int64_t&>();
    return;
  }
  if (kind == "resume" || kind == "rollback")
    forget_after(log, line.at("step").get_ref<const std::int64_t&>(), line.at("epochs").get_ref<const std::int64_t&>());
  log.events.push_back({kind, line.at("text").get<std::string>()});
}

}  // namespace

RunLog::RunLog(const Directory& directory, std::string name) : directory_(directory), name_(std::move(name)) { open(); }

void RunLog::open() {
  file_ = directory_.open(name_, O_RDWR | O_CREAT | O_APPEND);
  const off_t size = ::lseek(file_.get(), 0, SEEK_END);
  char last = '\n';
  if (size > 0 && ::pread(file_.get(), &last, 1, size - 1) == 1 && last != '\n') waiting_.insert(0, "\n");
}

void RunLog::append(const std::string& line) {
  waiting_ += line;
  waiting_ += '\n';
  struct stat status {};
  if (::fstat(file_.get(), &status) == 0 && status.st_nlink == 0) {  // it was removed: the rest goes into a new one
    try {
      open();
    } catch (const Error& error) {
      problem_ = error.what();
      return;
    }
  }
  while (!waiting_.empty()) {
    const ssize_t count = retried([&] { return ::write(file_.get(), waiting_.data(), waiting_.size()); });
    if (count <= 0) {
      problem_ = text((directory_.path() / name_).string(), ": ", refusal(count < 0 ? errno : EIO, "writing"));
      return;
    }
    waiting_.erase(0, static_cast<std::size_t>(count));
  }
  problem_.clear();
}

void RunLog::step(const StepResult& step) {
  Json groups = Json::array();
  for (const GroupMeasure& g : step.groups)
    groups.push_back({{"name", g.name},
                      {"lr", g.lr},
                      {"lambda", g.lambda},
                      {"shrink", g.shrink},
                      {"weight_norm", g.weight_norm},
                      {"gradient_norm", g.gradient_norm}});
  append(Json{{"event", "step"},
              {"step", step.step},
              {"epoch", step.epoch},
              {"lr", step.lr},
              {"loss", step.loss},
              {"groups", groups}}
             .dump());
}

void RunLog::epoch(const EpochResult& e, const std::string& evaluated_on, std::int64_t step) {
  Json line{{"event", "epoch"},
            {"epoch", e.epoch},
            {"lr", e.lr},
            {"train_loss", e.train_loss},
            {"train_accuracy", e.train_accuracy},
            {evaluated_on + "_loss", e.evaluation_loss},
            {evaluated_on + "_accuracy", e.evaluation_accuracy},
            {"seconds", e.seconds},
            {"images_per_s", e.images_per_second}};
  if (step > 0) line["step"] = step;
  append(line.dump());
}

void RunLog::diagnosis(std::span<const DiagnosisRow> window, std::int64_t step) {
  if (window.empty()) return;
  Json parameters = Json::array();
  for (const DiagnosisRow& row : window)
    parameters.push_back({{"name", row.parameter},
                          {"norm", row.norm.median},
                          {"norm_predicted", row.predicted_norm},
                          {"angle", row.angle.median},
                          {"angle_predicted", row.predicted_angle},
                          {"effective_lr", row.effective_lr.median},
                          {"drift", row.drift},
                          {"at_rest", row.at_rest}});
  append(Json{{"event", "diagnosis"},
              {"step", step},
              {"updates", window.front().step},
              {"epoch", window.front().epoch},
              {"parameters", parameters}}
             .dump());
}

void RunLog::event(const std::string& kind, const std::string& text, std::int64_t step, std::int64_t epochs) {
  append(Json{{"event", kind}, {"step", step}, {"epochs", epochs}, {"text", text}}.dump());
}

LogContents read_log(const std::filesystem::path& path) {
  FileSource file(path);
  return read_log(file);
}

LogContents read_log(ByteSource& source) {
  constexpr std::size_t longest = 1 << 20;
  LogContents log;
  read_lines(source, run_files::log.most_read, longest, [&](const std::string& line) {
    if (json_nesting(line) > deepest_json) return;
    try {
      add(log, Json::parse(line));
    } catch (const Json::exception&) {  // cut off by a kill
    }
  });
  return log;
}

}  // namespace ebb
