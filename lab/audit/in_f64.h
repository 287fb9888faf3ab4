/// \file
/// A model in f64 for a while.
#pragma once

#include <vector>

#include "framework/nn/module.h"

namespace ebb {

/// Makes parameters and buffers f64, and puts everything back as it was when it ends, byte for byte: numbers, types and
/// gradients. Frozen parameters and modes are not touched.
class InF64 {
 public:
  /// The model must outlive it.
  explicit InF64(Module& model);
  ~InF64();
  InF64(const InF64&) = delete;
  InF64& operator=(const InF64&) = delete;

  /// Puts the buffers back to what the constructor found, so that the next pass does as the first.
  void reset_buffers() const;

 private:
  struct Kept {
    Tensor* place;  // where the tensor belongs
    Tensor own;     // as it was
    Tensor f64;     // of buffers: a copy to go back to
  };
  std::vector<Kept> kept_;
  std::vector<std::pair<Parameter*, Tensor>> gradients_;
};

}  // namespace ebb
