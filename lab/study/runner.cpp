#include "lab/study/runner.h"

#include <algorithm>
#include <memory>

#include "framework/io/atomic_file.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "framework/tensor/suggest.h"
#include "lab/format/csv.h"
#include "lab/runs/directory_lock.h"
#include "lab/study/number_text.h"
#include "lab/study/study_page.h"
#include "lab/study/study_store.h"
#include "lab/study/workers.h"

namespace ebb {
namespace {

constexpr std::size_t most_failures = 10;
constexpr int most_jobs = 1024, patience = 200;  // milliseconds between questions whether to stop

bool is_study_file(const std::string& name) {
  for (const char* const file :
       {study_files::study, study_files::results, study_files::times, study_files::verdicts, study_files::report})
    if (name == file) return true;
  return false;
}

Directory made(const std::filesystem::path& path) {
  make_directories(path, "choose another with --out");
  return Directory(path);
}

void require(const Study& study, const StudyRunOptions& options) {
  require_sound(study);
  if (options.jobs < 1 || options.jobs > most_jobs) fail("jobs", text(options.jobs), text("1 to ", most_jobs));
  if (options.tier && *options.tier < study.least_tier)
    fail(text("study ", study.name), text("tier ", name(*options.tier)), text(name(study.least_tier), " or more"));
}

std::string trial_words(const Study& study, const TrialJob& job) {
  return text(arm_text(arms_of(study)[job.arm]), ", pair ", job.pair);
}

// Makes trials, in this process or in others.
class Making {
 public:
  Making(const StudyPlan& plan, const std::string& key, const StudyData& data, const Directory& trials,
         const StudyRunOptions& options, StudyOutcome& outcome)
      : plan_(plan), key_(key), data_(data), trials_(trials), options_(options), outcome_(outcome) {}

  void all(const std::vector<TrialJob>& wanting) {
    done_ = outcome_.trials - static_cast<std::int64_t>(wanting.size());
    show();
    if (options_.worker.empty()) here(wanting);
    else beside(wanting);
    // Whoever asked this process to stop may have ended its children too.
    if (over() && outcome_.stopped) outcome_.failures.clear();
  }

 private:
  bool over() {
    if (!outcome_.stopped && options_.stop && options_.stop()) outcome_.stopped = true;
    return outcome_.stopped || outcome_.failures.size() >= most_failures;
  }

  void show() const {
    if (options_.progress) options_.progress(done_, outcome_.trials);
  }

  void take(const TrialReport& report) {
    if (report.problem.empty()) ++outcome_.made, ++done_;
    else outcome_.failures.push_back(text(trial_words(*plan_.study, report.job), ": ", report.problem));
    show();
  }

  void here(const std::vector<TrialJob>& wanting) {
    for (const TrialJob& job : wanting) {
      if (over()) return;
      TrialReport report{.job = job, .problem = {}};
      try {
        write_trial(trials_, make_trial(plan_, key_, data_, job), job);
      } catch (const std::exception& error) {
        report.problem = error.what();
      }
      take(report);
    }
  }

  void beside(const std::vector<TrialJob>& wanting) {
    if (wanting.empty()) return;
    std::vector<std::string> command = options_.worker;
    for (const std::string& argument : {plan_.study->name, std::string(name(plan_.tier)), key_,
                                        std::filesystem::absolute(trials_.path()).string(), options_.data.string()})
      command.push_back(argument);
    Workers workers(command,
                    std::min(options_.jobs, static_cast<int>(std::min<std::size_t>(wanting.size(), most_jobs))));
    for (auto next = wanting.begin(); !over() && (next != wanting.end() || workers.has_busy());) {
      while (next != wanting.end() && workers.has_free()) workers.give(*next++);
      if (const std::optional<TrialReport> report = workers.wait(patience)) take(*report);
    }
  }

  const StudyPlan& plan_;
  const std::string& key_;
  const StudyData& data_;
  const Directory& trials_;
  const StudyRunOptions& options_;
  StudyOutcome& outcome_;
  std::int64_t done_ = 0;
};

std::string times_csv(std::vector<TrialResult> trials) {
  std::ranges::sort(trials, {}, [](const TrialResult& t) { return std::pair{arm_text(t.arm), t.pair}; });
  std::string out = "arm,pair,seconds\n";
  for (const TrialResult& trial : trials)
    out += text(arm_text(trial.arm), ',', trial.pair, ',', exact_text(trial.seconds), '\n');
  return out;
}

std::string quoted(const std::string& field) { return csv_quoted(printable_line(field)); }

std::string verdicts_csv(const std::vector<Judged>& verdicts) {
  std::string out = "claim,kind,verdict,predicted,estimate,low,high,n,p,statement,sentence\n";
  for (const Judged& judged : verdicts) {
    const Verdict& v = judged.verdict;
    out += text(quoted(judged.claim->text.id), ',', name(judged.claim->kind), ',', name(v.is), ',');
    for (const double number : {v.predicted, v.measured.estimate, v.measured.low, v.measured.high})
      out += exact_text(number) + ',';
    out += text(v.n, ',', exact_text(v.p), ',', quoted(judged.claim->text.statement), ',', quoted(v.sentence), '\n');
  }
  return out;
}

}  // namespace

bool StudyOutcome::surprising() const { return std::ranges::any_of(verdicts, ebb::surprising); }

std::filesystem::path study_directory(const Study& study, const StudyRunOptions& options) {
  const bool smaller = options.tier && *options.tier < study.tier;
  return options.out / (smaller ? text(study.name, '-', name(*options.tier)) : study.name);
}

StudyOutcome run_study(const Study& study, const StudyRunOptions& options) {
  require(study, options);
  const StudyData data(options.data, study.data);
  if (const std::string missing = data.missing(); !missing.empty()) return {.skipped = missing};
  const Directory directory = made(study_directory(study, options));
  const Descriptor lock = lock_directory(directory, "a study's directory");
  remove_stale_temporaries(directory, is_study_file);
  directory.make(study_files::trials);
  const Directory trials(directory, study_files::trials);
  remove_stale_temporaries(trials, is_trial_name);
  if (options.fresh)
    for (const std::string& name : trials.entries())
      if (is_trial_name(name) && !trials.remove(name))
        fail((trials.path() / name).string(), "a file that cannot be removed", "a trial that can be made again");

  const StudyPlan plan = plan_of(study, options, data);
  const std::string key = study_key(plan);
  write_file(directory, study_files::study, study_json(plan));
  StoredTrials stored = read_trials(trials, plan, key);
  for (const std::string& note : stored.notes)
    if (options.note) options.note(note);
  StudyOutcome outcome;
  outcome.trials = static_cast<std::int64_t>(stored.current.size() + stored.wanting.size());
  Making(plan, key, data, trials, options, outcome).all(stored.wanting);
  if (outcome.stopped || !outcome.failures.empty()) return outcome;

  stored = read_trials(trials, plan, key);
  if (!stored.wanting.empty())
    fail(trials.path().string(), text(stored.wanting.size(), " trials are gone again"), "all trials",
         "see that nothing else writes there");
  const Results results = results_of(study, stored.current);
  outcome.verdicts = judge(study.claims, results, plan.tier);
  write_file(directory, study_files::results, results.csv());
  write_file(directory, study_files::times, times_csv(stored.current));
  write_file(directory, study_files::verdicts, verdicts_csv(outcome.verdicts));
  write_file(directory, study_files::report,
             study_html(page_of(plan, study_record(study_json(plan), "study.json"), stored.current)));
  return outcome;
}

int serve_study(const std::vector<Study>& studies, const std::vector<std::string>& arguments) {
  constexpr std::size_t count = 5;
  if (arguments.size() != count)
    fail("worker", text(arguments.size(), " arguments"), "to be started by a runner", "call `study run`");
  const auto found = std::ranges::find(studies, arguments[0], &Study::name);
  const std::optional<Tier> tier = tier_of(arguments[1]);
  if (found == studies.end() || !tier)
    fail("worker", text(in_quotes(arguments[0]), ' ', in_quotes(arguments[1])), "a study and its tier");
  const StudyPlan plan{.study = &*found, .tier = *tier};
  const Directory trials(arguments[3]);
  const StudyData data(arguments[4], found->data);
  return serve_trials(
      [&](const TrialJob& job) { write_trial(trials, make_trial(plan, arguments[2], data, job), job); });
}

std::string check_study(const Study& study, const StudyRunOptions& options, std::uint64_t choice) {
  require(study, options);
  const StoredStudy stored = read_study(study, options);
  const TrialResult& before = stored.trials[choice % stored.trials.size()];
  const std::vector<Arm> arms = arms_of(study);
  const TrialJob job{static_cast<std::size_t>(std::ranges::find(arms, before.arm) - arms.begin()), before.pair};
  const StudyData data(options.data, study.data);
  const std::string again = numbers_text(make_trial(stored.plan, before.key, data, job).record);
  if (again == numbers_text(before.record)) return {};
  return text(trial_words(study, job), ": other numbers than ", trial_name(job.arm, job.pair), " has");
}

}  // namespace ebb
