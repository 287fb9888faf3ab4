// What a file of weights lacks, from options.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "lab/use/predictor.h"

namespace ebb::detail {

// What the files of a run say of its network beside its weights. Files of earlier versions do not say it themselves.
void take_from_run(ModelCard& card, const std::filesystem::path& run,
                   const std::shared_ptr<const Extensions>& extensions);

// The card with all that the options say and that its data's name tells, so that the network can be built and used.
// \param named whether the file says which model it is of. \param where its name.
// \throws Error naming what is still missing, and the option that supplies it.
ModelCard completed(ModelCard card, const PredictorOptions& options, bool named, const std::string& where);

// The network of a complete card, untrained, for these weights. Sizes that cannot be theirs are refused before it is
// made: a card is a text of a file, or of a command line. \param where the name of the weights. \throws Error
std::unique_ptr<Layer> network_of(const ModelCard& card, const State& weights, const std::string& where);

}  // namespace ebb::detail
