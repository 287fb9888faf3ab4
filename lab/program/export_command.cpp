#include "lab/program/export_command.h"

#include <filesystem>
#include <iostream>

#include "data/npz.h"
#include "framework/io/atomic_file.h"
#include "framework/io/safetensors.h"
#include "framework/nn/export_torch.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/export/export_onnx.h"
#include "lab/export/tensorboard.h"
#include "lab/export/torch_training.h"
#include "lab/program/argument_checks.h"
#include "lab/program/destination.h"
#include "lab/reports/conditions.h"
#include "lab/reports/tables.h"
#include "lab/runs/checkpoints.h"
#include "lab/runs/run_files.h"
#include "lab/runs/version.h"
#include "lab/setup/extensions.h"
#include "lab/use/completed_card.h"
#include "lab/use/mistake_sheet.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

OnnxInput input_of(const std::string& given) {
  if (given == "pixels") return OnnxInput::pixels;
  if (given == "standardised") return OnnxInput::standardised;
  fail("--input", in_quotes(given), "pixels or standardised");
}

// A file, and what it gets.
struct Written {
  fs::path file;
  std::string contents;
};

// All of them, once it is sure that none is in the way.
void write_all(const std::vector<Written>& files, const std::vector<std::string>& runs, bool overwrite) {
  const Destination destination{.runs = runs, .overwrite = overwrite, .makes_directory = true};
  for (const Written& w : files) require_destination(w.file.string(), destination);
  for (const Written& w : files) {
    make_directories(w.file.parent_path(), "choose another directory");
    write_file(w.file, w.contents, overwrite ? Existing::replace : Existing::refuse);
    std::cout << printable_line(w.file.string()) << '\n';
  }
}

// What TensorBoard shows of a run's end.
TensorBoard::Pictures pictures_of(const RunData& run) {
  if (!run.evaluation) return {};
  return {{"filters", run.evaluation->filters ? picture_from(run.evaluation->filters->picture) : Tensor()},
          {"worst_mistakes", mistake_sheet(*run.evaluation)}};
}

// The newest state that a run can go on from.
TrainState newest_state(const std::string& run) {
  if (!fs::is_directory(run))
    fail(run, "no run directory", "one with checkpoints, as the state of an optimizer is in them",
         "name the run, or leave out --with-optimizer");
  const Directory directory(run);
  std::optional<Checkpoints::Found> found = Checkpoints(directory).newest();
  if (!found) fail(run, "no checkpoint", "one to take the state of the optimizer from");
  return std::move(found->state);
}

}  // namespace

ExportCommandLine::ExportCommandLine(CLI::App& app, const std::shared_ptr<const Extensions>& extensions)
    : command_(app.add_subcommand("export", "Writes a trained network, or what a run says, for other programs")),
      extensions_(extensions) {
  command_->add_option("from", from_, "a run directory, or a model.safetensors; with --csv and --tensorboard runs")
      ->required();
  model_.add_facts_to(*command_);
  command_->add_option("--onnx", onnx_, "a file that gets it in ONNX's format");
  CLI::Option* const torch =
      command_->add_option("--torch", torch_, "a file that gets its numbers as PyTorch's state dict (safetensors)");
  command_
      ->add_flag("--with-optimizer", with_optimizer_,
                 "of a run: numbers and optimizer as the newest checkpoint has them")
      ->needs(torch);
  command_->add_option("--npz", npz_, "a file that gets them for NumPy, with Ebb's names and layouts");
  command_->add_option("--csv", csv_, "a directory that gets steps, epochs, classes and confusion of runs as tables");
  command_->add_option("--tensorboard", tensorboard_, "a directory that gets the curves of runs for TensorBoard");
  command_->add_option(
      "--input", input_,
      "what the graph takes: pixels (u8, n x h x w x c), or images that are standardised (f32, n x c x "
      "h x w) [pixels]");
  command_->add_option("--batch", batch_, "number of images that the graph takes [any]")->check(whole_number(1, 65536));
  command_->add_flag("--softmax", softmax_, "give probabilities beside the logits");
  command_->add_flag("--overwrite", overwrite_, "replace the file that is there");
}

int ExportCommandLine::run() {
  const bool of_model = !onnx_.empty() || !torch_.empty() || !npz_.empty();
  const bool of_runs = !csv_.empty() || !tensorboard_.empty();
  if (!of_model && !of_runs)
    fail("export", "no format", "--onnx FILE, --torch FILE, --npz FILE, --csv DIR, --tensorboard DIR, or several",
         "see `ebb export --help`");
  if (with_optimizer_ && (!onnx_.empty() || !npz_.empty()))
    fail("--with-optimizer", "another format beside --torch", "--torch alone", "export the others by themselves");
  if (of_model && from_.size() > 1)
    fail("export", text(from_.size(), " networks"), "one, for --onnx, --torch and --npz", "export them one by one");
  if (with_optimizer_) export_training();
  else if (of_model) export_model();
  if (of_runs) export_runs();
  return 0;
}

void ExportCommandLine::export_model() {
  const std::string& from = from_.front();
  PredictorOptions options{.extensions = extensions_};
  model_.take(options);
  OnnxOptions onnx{.input = input_of(input_), .batch = batch_, .softmax = softmax_};
  require_two_files(onnx_, torch_);
  require_two_files(onnx_, npz_);
  require_two_files(torch_, npz_);
  for (const std::string& file : {onnx_, torch_, npz_})
    if (!file.empty()) require_destination(file, {.inputs = {from}, .runs = {from}, .overwrite = overwrite_});
  Predictor predictor(from, options);
  const ModelCard& card = predictor.card();
  onnx.standardisation = *card.standardisation;
  onnx.name = card.model.model;
  onnx.metadata = to_metadata(card);
  if (extensions_ != nullptr) onnx.ops = extensions_->onnx;
  if (!onnx_.empty()) {
    export_onnx(predictor.model(), predictor.image(), onnx_, onnx, existing());
    std::cout << printable_line(onnx_) << '\n';
  }
  if (!npz_.empty()) {
    save_npz(npz_, predictor.model().state(), existing());
    std::cout << printable_line(npz_) << '\n';
  }
  if (!torch_.empty()) {
    // The order of flattened images is that of the network's own.
    predictor.logits(Tensor::zeros(predictor.image().insert(0, 1), DType::u8));
    export_torch(predictor.model(), torch_, onnx.metadata, existing());
    std::cout << printable_line(torch_) << '\n';
  }
}

// A run need not have come to its end for that.
void ExportCommandLine::export_training() const {
  const fs::path run = from_.front();
  PredictorOptions options{.extensions = extensions_};
  model_.take(options);
  require_destination(torch_, {.runs = {run.string()}, .overwrite = overwrite_});
  const TrainState state = newest_state(run.string());
  ModelCard card{.model = blank_recipe(extensions_)};
  if (fs::exists(run / run_files::model.name)) {
    const std::string file = (run / run_files::model.name).string();
    card = card_from(load_safetensors(file).metadata, file, extensions_);
  }
  detail::take_from_run(card, run, extensions_);
  if (!card.standardisation) card.standardisation = statistics_from(state.metadata, run.string());
  card = detail::completed(std::move(card), options, true, run.string());
  if (card.version.empty()) card.version = version();
  const State weights = part_of(state, "model/").tensors;
  const std::unique_ptr<Layer> model = detail::network_of(card, weights, run.string());
  model->load_state(weights);
  model->eval();
  (*model)(Var(Tensor::zeros(card.image->insert(0, 1))));  // Flatten learns its image
  const TrainState optimizer = part_of(state, "optimizer/");
  export_torch_training(*model, {optimizer.tensors, optimizer.metadata}, torch_, to_metadata(card), existing());
  std::cout << printable_line(torch_) << '\n';
}

void ExportCommandLine::export_runs() {
  for (const std::string& directory : {csv_, tensorboard_})
    if (!directory.empty()) require_place(directory, "choose another directory");
  std::vector<RunData> runs;
  for (const std::string& directory : from_) runs.push_back(read_run(directory));
  std::vector<Written> files;
  if (!csv_.empty())
    for (RunTable& table : run_tables(runs)) files.push_back({fs::path(csv_) / table.file, std::move(table.csv)});
  if (!tensorboard_.empty()) {
    const std::vector<std::string> names = distinct_names(runs);
    for (std::size_t r = 0; r < runs.size(); ++r)
      files.push_back({fs::path(tensorboard_) / names[r] / (std::string(run_files::event_file) + "0000000000.ebb"),
                       tensorboard_events(runs[r].log, runs[r].diagnosis, pictures_of(runs[r]))});
  }
  write_all(files, from_, overwrite_);
}

}  // namespace ebb
