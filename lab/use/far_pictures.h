/// \file
/// Pictures that are unlike what a network was trained on.
#pragma once

#include <string>
#include <vector>

#include "lab/runs/model_card.h"

namespace ebb {

/// Looks at pictures one after another, and has a sentence when one is of a kind that the network hardly knows. Each
/// kind is said once.
class FarPictures {
 public:
  explicit FarPictures(const ModelCard& card);  ///< The network's.

  /// \param picture as it was read. \param fitted as the network gets it, u8 `[h, w, c]`. \param name for the sentence.
  /// \returns sentences that were not said before.
  std::vector<std::string> look(const Tensor& picture, const Tensor& fitted, const std::string& name);

 private:
  Shape image_;
  double mean_;  // brightness that the network expects, 0 to 1
  bool said_inverted_ = false, said_colour_ = false, said_long_ = false, said_small_ = false;
};

}  // namespace ebb
