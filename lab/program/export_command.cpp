#include "lab/program/export_command.h"

#include <filesystem>
#include <iostream>

#include "framework/nn/export_torch.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/export/export_onnx.h"
#include "lab/runs/run_files.h"
#include "lab/setup/extensions.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

OnnxInput input_of(const std::string& given) {
  if (given == "pixels") return OnnxInput::pixels;
  if (given == "standardised") return OnnxInput::standardised;
  fail("--input", in_quotes(given), "pixels or standardised");
}

// \param model what is exported: a file of weights, or a run directory.
void require_free(const std::string& file, const std::string& model, bool overwrite) {
  std::error_code error;
  for (const fs::path& read : {fs::path(model), fs::path(model) / run_files::model.name})
    if (fs::equivalent(file, read, error) && !error)
      fail(file, "the file that is exported", "another one", "choose another name");
  const fs::file_status status = fs::status(file, error);
  if (fs::is_directory(status)) fail(file, "a directory", "the name of a file");
  if (fs::exists(status) && !overwrite)
    fail(file, "a file that is there", "a name that is free", "choose another, or give --overwrite to replace it");
}

}  // namespace

ExportCommandLine::ExportCommandLine(CLI::App& app, const std::shared_ptr<const Extensions>& extensions)
    : command_(app.add_subcommand("export", "Writes a trained network for other programs")), extensions_(extensions) {
  model_.add_to(*command_);
  command_->add_option("--onnx", onnx_, "a file that gets it in ONNX's format");
  command_->add_option("--torch", torch_, "a file that gets its numbers as PyTorch's state dict (safetensors)");
  command_->add_option(
      "--input", input_,
      "what the graph takes: pixels (u8, n x h x w x c), or images that are standardised (f32, n x c x "
      "h x w) [pixels]");
  command_->add_option("--batch", batch_, "number of images that the graph takes [any]")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{65536}));
  command_->add_flag("--softmax", softmax_, "give probabilities beside the logits");
  command_->add_flag("--overwrite", overwrite_, "replace the file that is there");
}

int ExportCommandLine::run() {
  PredictorOptions options{.extensions = extensions_};
  model_.take(options);
  OnnxOptions onnx{.input = input_of(input_), .batch = batch_, .softmax = softmax_};
  if (onnx_.empty() && torch_.empty())
    fail("export", "no format", "--onnx FILE, --torch FILE, or both", "see `ebb export --help`");
  for (const std::string& file : {onnx_, torch_})
    if (!file.empty()) require_free(file, model_.path(), overwrite_);
  Predictor predictor(model_.path(), options);
  const ModelCard& card = predictor.card();
  onnx.standardisation = *card.standardisation;
  onnx.name = card.model.model;
  onnx.metadata = to_metadata(card);
  if (extensions_ != nullptr) onnx.ops = extensions_->onnx;
  if (!onnx_.empty()) {
    export_onnx(predictor.model(), predictor.image(), onnx_, onnx);
    std::cout << printable_line(onnx_) << '\n';
  }
  if (!torch_.empty()) {
    // The order of flattened images is that of the network's own.
    predictor.logits(Tensor::zeros(predictor.image().insert(0, 1), DType::u8));
    export_torch(predictor.model(), torch_);
    std::cout << printable_line(torch_) << '\n';
  }
  return 0;
}

}  // namespace ebb
