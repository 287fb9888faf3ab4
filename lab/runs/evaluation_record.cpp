#include "lab/runs/evaluation_record.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "data/image_dataset.h"
#include "framework/io/json_nesting.h"
#include "framework/tensor/error.h"
#include "lab/format/png.h"

namespace ebb {
namespace {

using Json = nlohmann::ordered_json;

// The bytes of a sample as a picture: as stored, or stretched to the range of bytes.
Tensor pixels_of(const Dataset& data, std::int64_t index) {
  const Shape shape = data.sample_shape();
  Tensor out(shape, DType::u8);
  const auto bytes = out.mutable_span<std::uint8_t>();
  if (const auto* images = dynamic_cast<const ImageDataset*>(&data)) {
    std::ranges::copy_n(images->pixels().data<std::uint8_t>() + index * shape.size(), shape.size(), bytes.begin());
    return out;
  }
  std::vector<float> sample(bytes.size());
  std::int64_t label = 0;
  data.read({&index, 1}, sample, {&label, 1});
  const auto [low, high] = std::ranges::minmax(sample);
  for (std::size_t i = 0; i < sample.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(high > low ? std::lround(255 * (sample[i] - low) / (high - low)) : 0);
  return out;
}

bool is_picture(const Shape& shape) { return shape.rank() == 3 && (shape[2] == 1 || shape[2] == 3); }

}  // namespace

std::vector<std::string> class_names(const Dataset& data) {
  std::vector<std::string> names;
  for (std::int64_t c = 0; c < data.classes(); ++c) names.push_back(data.class_name(c));
  return names;
}

EvaluationRecord make_record(const Evaluation& evaluation, const Dataset& data, const std::string& name,
                             std::size_t mistakes) {
  EvaluationRecord out{.data = name,
                       .loss = evaluation.loss,
                       .accuracy = evaluation.accuracy,
                       .calibration_error = evaluation.calibration_error,
                       .classes = class_names(data),
                       .confusion = evaluation.confusion,
                       .worst = {}};
  std::vector<std::size_t> wrong;
  for (std::size_t i = 0; i < evaluation.samples.size(); ++i)
    if (const EvaluatedSample& s = evaluation.samples[i]; s.predicted && *s.predicted != s.truth) wrong.push_back(i);
  std::ranges::stable_sort(wrong, std::ranges::greater(),
                           [&](std::size_t i) { return evaluation.samples[i].confidence; });
  wrong.resize(std::min(wrong.size(), mistakes));
  for (const std::size_t i : wrong) {
    const EvaluatedSample& evaluated = evaluation.samples[i];
    const auto index = static_cast<std::int64_t>(i);
    out.worst.push_back({index, evaluated.truth, *evaluated.predicted, evaluated.confidence,
                         is_picture(data.sample_shape()) ? base64(png(pixels_of(data, index))) : std::string()});
  }
  return out;
}

std::string to_json(const EvaluationRecord& record) {
  Json confusion = Json::array(), unpredicted = Json::array();
  for (std::int64_t t = 0; t < record.confusion.classes(); ++t) {
    Json row = Json::array();
    for (std::int64_t p = 0; p < record.confusion.classes(); ++p) row.push_back(record.confusion.count(t, p));
    confusion.push_back(row);
    unpredicted.push_back(record.confusion.unpredicted(t));
  }
  Json worst = Json::array();
  for (const Mistake& m : record.worst)
    worst.push_back({{"index", m.index},
                     {"truth", m.truth},
                     {"predicted", m.predicted},
                     {"confidence", m.confidence},
                     {"png", m.picture}});
  Json out{{"data", record.data},         {"loss", record.loss},
           {"accuracy", record.accuracy}, {"calibration_error", record.calibration_error},
           {"classes", record.classes},   {"confusion", confusion},
           {"unpredicted", unpredicted},  {"worst", worst}};
  if (record.filters) out["filters"] = {{"says", record.filters->says}, {"png", record.filters->picture}};
  return out.dump() + "\n";
}

EvaluationRecord record_from_json(const std::string& text, const std::string& where) {
  try {
    require_json_nesting(text, where);
    const Json json = Json::parse(text);
    // What is not finite stands as null.
    const auto number = [](const Json& object, const char* key) {
      return object.at(key).is_null() ? std::nan("") : object.at(key).get<double>();
    };
    EvaluationRecord out{.data = json.at("data").get<std::string>(),
                         .loss = number(json, "loss"),
                         .accuracy = number(json, "accuracy"),
                         .calibration_error = number(json, "calibration_error"),
                         .classes = json.at("classes").get<std::vector<std::string>>(),
                         .worst = {}};
    const auto classes = static_cast<std::int64_t>(out.classes.size());
    const Json& rows = json.at("confusion");
    if (rows.size() != out.classes.size() ||
        std::ranges::any_of(rows, [&](const Json& row) { return row.size() != out.classes.size(); }))
      fail(where, "a confusion that is no square of the classes", "evaluation.json as Ebb writes it");
    out.confusion = Confusion(classes);
    for (std::int64_t t = 0; t < classes; ++t)
      for (std::int64_t p = 0; p < classes; ++p)
        out.confusion.add(
            t, p, rows.at(static_cast<std::size_t>(t)).at(static_cast<std::size_t>(p)).get_ref<const std::int64_t&>());
    // Records of earlier versions have no such list.
    if (const auto none = json.find("unpredicted"); none != json.end()) {
      if (none->size() != out.classes.size())
        fail(where, "a list of samples without prediction that is not as long as the classes",
             "evaluation.json as Ebb writes it");
      for (std::int64_t t = 0; t < classes; ++t)
        out.confusion.add(t, std::nullopt, none->at(static_cast<std::size_t>(t)).get_ref<const std::int64_t&>());
    }
    for (const Json& m : json.at("worst")) {
      out.worst.push_back({m.at("index").get_ref<const std::int64_t&>(), m.at("truth").get_ref<const std::int64_t&>(),
                           m.at("predicted").get_ref<const std::int64_t&>(), number(m, "confidence"),
                           m.at("png").get<std::string>()});
      const Mistake& mistake = out.worst.back();
      if (std::min(mistake.truth, mistake.predicted) < 0 || std::max(mistake.truth, mistake.predicted) >= classes)
        fail(where, "a mistake of a class that there is not", "evaluation.json as Ebb writes it");
    }
    if (const auto filters = json.find("filters"); filters != json.end())
      out.filters = {filters->at("says").get<std::string>(), filters->at("png").get<std::string>()};
    return out;
  } catch (const Json::exception& error) {
    fail(where, ebb::text("what is no evaluation: ", error.what()), "evaluation.json as Ebb writes it");
  }
}

}  // namespace ebb
