#include "lab/program/import_command.h"

#include <iostream>

#include "data/npz.h"
#include "framework/compute/basic.h"
#include "framework/io/safetensors.h"
#include "framework/nn/import_torch.h"
#include "framework/tensor/error.h"
#include "framework/tensor/memory.h"
#include "framework/tensor/printable.h"
#include "lab/export/torch_training.h"
#include "lab/program/destination.h"
#include "lab/program/import_training.h"
#include "lab/runs/version.h"
#include "lab/use/completed_card.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

// NumPy computes in f64 where nobody says otherwise.
State in_f32(State state) {
  for (auto& entry : state)
    if (entry.second.dtype() == DType::f64) entry.second = cast(entry.second, DType::f32);
  return state;
}

}  // namespace

ImportCommandLine::ImportCommandLine(CLI::App& app, const std::shared_ptr<const Extensions>& extensions)
    : command_(app.add_subcommand("import", "Makes a model.safetensors of another program's network")),
      extensions_(extensions) {
  CLI::Option* const torch =
      command_->add_option("--torch", torch_, "a state dict of PyTorch's, as safetensors (ebb export --torch)");
  CLI::Option* const with_optimizer =
      command_->add_flag("--with-optimizer", with_optimizer_,
                         "take the optimizer over too: --out is a run directory then, for ebb resume");
  with_optimizer->needs(torch);
  command_
      ->add_option("--data", data_dir_,
                   "directory of the data that the training goes on with; default that of the run or recipe")
      ->needs(with_optimizer);
  command_->add_option("--npz", npz_, "a file of NumPy's, with Ebb's names and layouts (ebb export --npz)")
      ->excludes(torch);
  command_->add_option("--out", out_, "the model.safetensors that is written; with --with-optimizer a run directory")
      ->required();
  command_->add_option("--like", like_,
                       "a run or model.safetensors: the network is built and used as that one; with "
                       "--with-optimizer a run or a recipe");
  model_.add_facts_to(*command_);
  CLI::Option* const mean =
      command_->add_option("--mean", mean_, "of each channel of pixels from 0 to 1, as 0.1307 or 0.49,0.48,0.45 [0]");
  command_->add_option("--deviation", deviation_, "of each channel, by which they are divided, as 0.3081 [1]")
      ->needs(mean);
  mean->needs("--deviation");
  command_->add_flag("--overwrite", overwrite_, "replace the file that is there");
}

ModelCard ImportCommandLine::card(const std::map<std::string, std::string>& metadata, const std::string& where) const {
  PredictorOptions options{.extensions = extensions_};
  model_.take(options);
  ModelCard out;
  if (!like_.empty()) {
    out = Predictor(like_, options).card();
  } else {
    out = detail::completed(card_from(metadata, where, extensions_), options, metadata.contains("model"), where);
  }
  const std::map<std::string, std::string> given{{"pixel_mean", mean_}, {"pixel_deviation", deviation_}};
  if (!mean_.empty()) out.standardisation = statistics_from(given, "--mean and --deviation");
  const auto channels = static_cast<std::size_t>((*out.image)[2]);
  for (const auto* const list : {&out.standardisation->mean, &out.standardisation->deviation})
    if (list->size() != channels)
      fail("--mean and --deviation", text(list->size(), " numbers"), text("one for each of ", channels, " channels"));
  out.version = version();
  return out;
}

int ImportCommandLine::import_training() const {
  if (like_.empty())
    fail("--with-optimizer", "no recipe to go on with", "--like RUN, or a recipe as ebb train takes it",
         "add --like: a file of tensors does not say data, batch and schedule");
  if (!mean_.empty())
    fail("--with-optimizer", "--mean and --deviation", "the standardisation of the run, or of the data",
         "leave them out");
  PredictorOptions options;
  model_.take(options);
  if (!options.image.empty() || !options.classes.empty())
    fail("--with-optimizer", "--image or --classes", "those of the data", "leave them out");
  if (!data_dir_.empty()) options.settings.push_back("data_dir=" + data_dir_);
  return ebb::run(TrainingImport{.file = torch_,
                                 .like = like_,
                                 .out = out_,
                                 .settings = options.settings,
                                 .overwrite = overwrite_,
                                 .extensions = extensions_});
}

int ImportCommandLine::run() {
  if (torch_.empty() && npz_.empty())
    fail("import", "no file", "--torch FILE or --npz FILE", "see `ebb import --help`");
  if (with_optimizer_) return import_training();
  const std::string& from = torch_.empty() ? npz_ : torch_;
  require_destination(out_, {.inputs = {from, like_}, .runs = {like_}, .overwrite = overwrite_});
  const memory::Guard guard;
  TensorFile file;
  if (torch_.empty()) file.tensors = load_npz(npz_);
  else file = load_safetensors(torch_);
  const ModelCard complete = card(file.metadata, from);
  const Shape& image = *complete.image;
  const std::unique_ptr<Layer> model = detail::network_of(complete, file.tensors, from);
  model->eval();
  if (torch_.empty()) {
    model->load_state(in_f32(std::move(file.tensors)));
  } else {
    (*model)(Var(Tensor::zeros(image.insert(0, 1))));  // Flatten learns its image
    import_torch(*model, without_optimizer(*model, file.tensors), torch_);
  }
  save_safetensors(out_, model->state(), to_metadata(complete), overwrite_ ? Existing::replace : Existing::refuse);
  std::cout << printable_line(out_) << '\n';
  return 0;
}

}  // namespace ebb
