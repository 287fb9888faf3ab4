#include "lab/program/predict_command.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "framework/nn/summary.h"
#include "framework/tensor/error.h"
#include "framework/tensor/machine_error.h"
#include "framework/tensor/printable.h"
#include "lab/format/csv.h"
#include "lab/format/numbers.h"
#include "lab/format/text_table.h"
#include "lab/program/program_name.h"
#include "lab/program/standard_streams.h"
#include "lab/training/confusion.h"

namespace ebb {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t at_once = 64;  // pictures that the network sees at once

// What the network says of one picture.
struct Said {
  const std::string& path;
  std::span<const float> logits, probabilities;
};

class Writer {
 public:
  Writer(const PredictCommand& command, const std::vector<std::string>& classes)
      : command_(command), classes_(classes), top_(static_cast<std::size_t>(command.top)) {
    top_ = std::clamp<std::size_t>(top_, 1, classes.size());
    if (command.format != PredictionFormat::csv) return;
    std::cout << "picture,class,probability";
    for (std::size_t i = 2; i <= top_; ++i) std::cout << ",class " << i << ",probability " << i;
    if (command.probabilities)
      for (const std::string& name : classes) std::cout << ',' << csv_name(name);
    std::cout << "\r\n";
  }

  void write(const Said& said) const {
    std::vector<std::size_t> order(classes_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, std::ranges::greater(), [&](std::size_t c) { return said.probabilities[c]; });
    order.resize(top_);
    switch (command_.format) {
      case PredictionFormat::text: write_text(said, order); break;
      case PredictionFormat::json: write_json(said, order); break;
      case PredictionFormat::csv: write_csv(said, order); break;
    }
  }

 private:
  void write_text(const Said& said, const std::vector<std::size_t>& order) const {
    std::cout << printable_line(said.path);
    for (const std::size_t c : order)
      std::cout << "  " << printable_line(classes_[c]) << ' ' << percent(said.probabilities[c], 1);
    std::cout << '\n';
    if (!command_.probabilities) return;
    for (std::size_t c = 0; c < classes_.size(); ++c)
      std::cout << "  " << printable_line(classes_[c]) << ' ' << percent(said.probabilities[c], 2) << '\n';
  }

  void write_json(const Said& said, const std::vector<std::size_t>& order) const {
    Json out{{"picture", said.path}, {"class", classes_[order[0]]}, {"probability", said.probabilities[order[0]]}};
    if (top_ > 1)
      for (const std::size_t c : order)
        out["top"].push_back({{"class", classes_[c]}, {"probability", said.probabilities[c]}});
    if (command_.probabilities)
      for (std::size_t c = 0; c < classes_.size(); ++c) {
        out["probabilities"].push_back(said.probabilities[c]);
        out["logits"].push_back(said.logits[c]);
      }
    std::cout << out.dump(-1, ' ', terminal_, Json::error_handler_t::replace) << '\n';
  }

  // A file or a pipe gets names as they are, a terminal nothing that it would obey.
  std::string csv_name(const std::string& name) const { return csv_text(terminal_ ? printable_line(name) : name); }

  void write_csv(const Said& said, const std::vector<std::size_t>& order) const {
    std::cout << csv_name(said.path);
    for (const std::size_t c : order) std::cout << ',' << csv_name(classes_[c]) << ',' << text(said.probabilities[c]);
    if (command_.probabilities)
      for (const float p : said.probabilities) std::cout << ',' << text(p);
    std::cout << "\r\n";
  }

  const PredictCommand& command_;
  const std::vector<std::string>& classes_;
  std::size_t top_;
  bool terminal_ = ::isatty(STDOUT_FILENO) == 1;
};

// Pictures in the network's size that wait for their batch.
struct Waiting {
  std::vector<std::string> paths;
  std::vector<Tensor> pictures;

  Tensor stacked(const Shape& image) const {
    Tensor out(image.insert(0, static_cast<std::int64_t>(pictures.size())), DType::u8);
    auto into = out.mutable_span<std::uint8_t>().begin();
    for (const Tensor& picture : pictures) into = std::ranges::copy(picture.span<std::uint8_t>(), into).out;
    return out;
  }
};

}  // namespace

int run(const PredictCommand& command) {
  bool all_read = true;
  const std::vector<std::string> paths = listed_pictures(command.pictures, all_read);
  if (paths.empty()) return 1;
  Predictor predictor(command.model, command.options);
  const Writer writer(command, predictor.classes());
  PictureReader reader(predictor, command.reading);
  Waiting waiting;
  const auto predict_waiting = [&] {
    if (waiting.paths.empty()) return;
    const Tensor logits = predictor.logits(waiting.stacked(predictor.image())), chances = probabilities(logits);
    const auto classes = predictor.classes().size();
    for (std::size_t i = 0; i < waiting.paths.size(); ++i) {
      const auto row = logits.span<float>().subspan(i * classes, classes);
      if (predicted_class(row)) {
        writer.write({waiting.paths[i], row, chances.span<float>().subspan(i * classes, classes)});
      } else {
        complain() << printable(no_class(waiting.paths[i]).what()) << '\n';
        all_read = false;
      }
    }
    waiting = {};
  };
  for (const std::string& path : paths) {
    try {
      waiting.pictures.push_back(reader.read(path));
      waiting.paths.push_back(path);
    } catch (const MachineError&) {
      throw;
    } catch (const Error& error) {
      complain() << printable(error.what()) << '\n';
      all_read = false;
    }
    if (static_cast<std::int64_t>(waiting.paths.size()) < at_once) continue;
    predict_waiting();
    std::cout << std::flush;
    if (reader_left()) break;
  }
  predict_waiting();
  return all_read ? 0 : 1;
}

int run(const SummaryCommand& command) {
  Predictor predictor(command.model, command.options);
  const ModelCard& card = predictor.card();
  const auto list = [](const auto& values, const auto& show) {
    std::string out;
    for (const auto& value : values) out += (out.empty() ? "" : ", ") + show(value);
    return out;
  };
  const auto number = [](double value) { return significant(value); };
  std::vector<std::vector<std::string>> rows{{"model", card.model.model}};
  for (const RecipeKey& key : recipe_keys(card.model))
    if (std::string_view(key.section) == "model" && key.key != "model" && get(card.model, key.key) != key.initial)
      rows.push_back({key.key, get(card.model, key.key)});
  const Shape& image = predictor.image();
  rows.push_back({"image", text(image[0], " x ", image[1], image[2] == 1 ? ", grey" : ", colour")});
  rows.push_back({text(card.classes.size(), " classes"), list(card.classes, [](const std::string& n) { return n; })});
  rows.push_back({"mean", list(card.standardisation->mean, number)});
  rows.push_back({"deviation", list(card.standardisation->deviation, number)});
  if (!card.data.empty()) rows.push_back({"trained on", card.data});
  if (!card.version.empty()) rows.push_back({"made by", "Ebb " + card.version});
  for (auto& row : rows)
    for (std::string& cell : row) cell = printable_line(cell);
  std::cout << text_table(rows, {Align::left, Align::left}) << '\n'
            << summary(predictor.model(), image.insert(0, 1)) << '\n';
  return 0;
}

}  // namespace ebb
