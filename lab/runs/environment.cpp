#include "lab/runs/environment.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <vector>

#include "data/image_dataset.h"
#include "framework/compute/instruction_set.h"
#include "framework/io/checksum.h"
#include "framework/io/json_nesting.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/runs/version.h"

namespace ebb {
namespace {

using Json = nlohmann::ordered_json;

std::string git_revision() {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen("git rev-parse HEAD 2>/dev/null", "r"), ::pclose);
  char line[128] = {};
  if (pipe == nullptr || std::fgets(line, sizeof line, pipe.get()) == nullptr) return {};
  std::string revision(line);
  while (revision.ends_with('\n')) revision.pop_back();
  return revision;
}

Json surroundings() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  const std::string processor = processor_in(cpuinfo);
  return {{"ebb", version()},
          {"compiler", compiler()},
          {"instruction_set", instruction_set()},
          {"processor", processor},
          {"threads", parallel::thread_count()},
          {"parallel", parallel::backend()}};
}

Json with_revision(Json json) {
  if (const std::string revision = git_revision(); !revision.empty()) json["git_revision"] = revision;
  return json;
}

}  // namespace

std::string processor_in(std::istream& cpuinfo) {
  std::string designer, part;
  for (std::string line; std::getline(cpuinfo, line);) {
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos) continue;
    const std::string value = line.substr(colon + 2);
    if (line.starts_with("model name")) return value;
    if (line.starts_with("CPU implementer")) designer = value;
    if (line.starts_with("CPU part")) part = value;
    if (!designer.empty() && !part.empty()) return "ARM implementer " + designer + ", part " + part;
  }
  return "unknown";
}

std::string dataset_sha256(const Dataset& data) {
  if (const auto* images = dynamic_cast<const ImageDataset*>(&data))
    return sha256({{"pixels", images->pixels()}, {"labels", images->labels()}});
  constexpr std::int64_t together = 256;
  Sha256 sum;
  for (std::int64_t first = 0; first < data.size(); first += together) {
    std::vector<std::int64_t> indices(static_cast<std::size_t>(std::min(together, data.size() - first)));
    std::iota(indices.begin(), indices.end(), first);
    std::vector<float> samples(indices.size() * static_cast<std::size_t>(data.sample_shape().size()));
    std::vector<std::int64_t> labels(indices.size());
    data.read(indices, samples, labels);
    sum.add(std::as_bytes(std::span(samples)));
    sum.add(std::as_bytes(std::span(labels)));
  }
  return sum.hex();
}

std::string surroundings_json() { return with_revision(surroundings()).dump(2) + "\n"; }

std::string environment_json(const std::string& train, const std::string& test, const RunProgram& program) {
  Json json = surroundings();
  // A file name may be any bytes, JSON is UTF-8.
  if (!program.name.empty()) json["program"] = printable_line(program.name);
  if (!program.things.empty()) json["own_things"] = program.things;
  json["train_sha256"] = train;
  json["test_sha256"] = test;
  return with_revision(std::move(json)).dump(2) + "\n";
}

RunProgram program_of(const std::string& environment) {
  try {
    require_json_nesting(environment, "environment");
    const Json json = Json::parse(environment);
    return {.name = json.value("program", ""), .things = json.value("own_things", "")};
  } catch (const Json::exception&) {
    return {};
  } catch (const Error&) {
    return {};
  }
}

std::string data_checksums(const std::string& environment, const std::string& where) {
  try {
    require_json_nesting(environment, where);
    const Json json = Json::parse(environment);
    return json.at("train_sha256").get<std::string>().append("/").append(json.at("test_sha256").get<std::string>());
  } catch (const Json::exception& error) {
    fail(where, text("what is no description of a run: ", error.what()), "environment.json as Ebb writes it");
  }
}

}  // namespace ebb
