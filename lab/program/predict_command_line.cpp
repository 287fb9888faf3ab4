#include "lab/program/predict_command_line.h"

#include <array>
#include <charconv>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"

namespace ebb {
namespace {

std::array<std::uint8_t, 3> colour_of(const std::string& given) {
  if (given == "white") return {255, 255, 255};
  if (given == "black") return {0, 0, 0};
  std::uint32_t value = 0;
  const char* const end = given.data() + given.size();
  const auto read = std::from_chars(given.data(), end, value, 16);
  if (given.size() != 6 || read.ec != std::errc() || read.ptr != end)
    fail("--background", in_quotes(given), "white, black, or six digits RRGGBB as ff8000");
  return {static_cast<std::uint8_t>(value >> 16), static_cast<std::uint8_t>(value >> 8 & 0xFF),
          static_cast<std::uint8_t>(value & 0xFF)};
}

}  // namespace

PredictCommandLine::PredictCommandLine(CLI::App& app, const std::shared_ptr<const Extensions>& extensions)
    : predict_(app.add_subcommand("predict", "Says what is on pictures (PNG, JPEG)")),
      summary_(app.add_subcommand("summary", "Shows what a file of weights is")) {
  command_.options.extensions = extensions;
  model_.add_to(*predict_);
  predict_->add_option("pictures", command_.pictures, "pictures, directories of pictures, or - for standard input")
      ->required();
  predict_->add_option("--top", command_.top, "classes that are named [1]")->check(CLI::Range(1, 65536));
  predict_->add_flag("--probabilities", command_.probabilities, "of all classes, and in JSON the logits");
  CLI::Option* const json = predict_->add_flag("--json", json_, "an object a line");
  predict_->add_flag("--csv", csv_, "a table (RFC 4180)")->excludes(json);
  predict_->add_option("--fit", fit_,
                       "how pictures of another shape get the network's: crop to the middle, pad, stretch [as in its "
                       "training, else crop]");
  predict_->add_option("--background", background_,
                       "behind transparent pixels: white, black or RRGGBB [white]; --fit pad pads with it");
  predict_->add_flag("--invert", command_.invert, "light for dark: for dark digits on white paper");
  predict_->add_flag("--tta", tta_, "judge the mean over each picture and its mirror image");
  predict_->add_option("--size-limit", command_.reading.most_pixels, "pixels of a picture at most [16777216]")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 24));
  model_.add_to(*summary_);
}

int PredictCommandLine::run() {
  command_.model = model_.path();
  model_.take(command_.options);
  if (*summary_) return ebb::run(SummaryCommand{command_.model, command_.options});
  if (!fit_.empty()) command_.fit = fit_from(fit_, "--fit");
  command_.size.background = colour_of(background_);
  command_.reading.background = command_.size.background;
  command_.options.tta_flip = tta_;
  if (json_ || csv_) command_.format = json_ ? PredictionFormat::json : PredictionFormat::csv;
  return ebb::run(command_);
}

}  // namespace ebb
