#include "lab/program/predict_command_line.h"

#include "lab/program/argument_checks.h"

namespace ebb {
PredictCommandLine::PredictCommandLine(CLI::App& app, const std::shared_ptr<const Extensions>& extensions)
    : predict_(app.add_subcommand("predict", "Says what is on pictures (PNG, JPEG)")),
      summary_(app.add_subcommand("summary", "Shows what a file of weights is")) {
  command_.options.extensions = extensions;
  model_.add_to(*predict_);
  predict_->add_option("pictures", command_.pictures, "pictures, directories of pictures, or - for standard input")
      ->required();
  predict_->add_option("--top", command_.top, "classes that are named [1]")->check(whole_number(1, 65536));
  predict_->add_flag("--probabilities", command_.probabilities, "of all classes, and in JSON the logits");
  CLI::Option* const json = predict_->add_flag("--json", json_, "an object a line");
  predict_->add_flag("--csv", csv_, "a table (RFC 4180)")->excludes(json);
  pictures_.add_to(*predict_);
  predict_->add_flag("--tta", tta_, "evaluate the mean over each picture and its mirror image");
  model_.add_to(*summary_);
}

int PredictCommandLine::run() {
  command_.model = model_.path();
  model_.take(command_.options);
  if (*summary_) return ebb::run(SummaryCommand{command_.model, command_.options});
  command_.reading = pictures_.reading();
  command_.options.tta_flip = tta_;
  if (json_ || csv_) command_.format = json_ ? PredictionFormat::json : PredictionFormat::csv;
  return ebb::run(command_);
}

}  // namespace ebb
