#include "lab/program/show_command_line.h"

#include <algorithm>

#include "framework/tensor/error.h"
#include "framework/tensor/suggest.h"

namespace ebb {

ShowCommandLine::ShowCommandLine(CLI::App& app, const std::shared_ptr<const Extensions>& extensions)
    : command_(app.add_subcommand("show", "Shows what is inside of a trained network, as pictures")) {
  show_.options.extensions = extensions;
  command_
      ->add_option("what", words_,
                   "MODEL filters, for several models side by side; or MODEL maps|saliency|cam PICTURE...: models are "
                   "run directories or model.safetensors, pictures also directories of them, or -")
      ->required();
  command_->add_option("--out", out_, "the directory that gets the pictures")->required();
  command_->add_option("--layer", show_.layer,
                       "path of the layer for maps [the first convolution] and cam [the last convolution]");
  command_->add_flag("--overwrite", show_.overwrite, "replace files that are there");
  model_.add_facts_to(*command_);
  pictures_.add_to(*command_);
}

int ShowCommandLine::run() {
  const std::vector<std::string>& kinds = inside_names();
  auto kind = std::ranges::find_first_of(words_, kinds);
  // Nothing is one of the kinds: what stands behind the first model was meant.
  if (kind == words_.end()) {
    if (words_.size() < 2) fail("show", "no word for what is shown", "filters, maps, saliency or cam behind the model");
    kind = words_.begin() + 1;
  }
  if (kind == words_.begin())
    fail("show", "no model", "a run directory or a model.safetensors in front of what is shown");
  const std::string chosen = require_choice("show", *kind, kinds);
  show_.what = static_cast<Inside>(std::ranges::find(kinds, chosen) - kinds.begin());
  show_.models.assign(words_.begin(), kind);
  show_.pictures.assign(kind + 1, words_.end());
  if (!show_.layer.empty() && show_.what != Inside::maps && show_.what != Inside::cam)
    fail("--layer", text(chosen, " of a layer"), "maps or cam", "leave it out");
  show_.out = out_;
  model_.take(show_.options);
  show_.reading = pictures_.reading();
  return ebb::run(show_);
}

}  // namespace ebb
