/// \file
/// A network in ONNX's format, for runtimes of other people.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "data/pixel_statistics.h"
#include "framework/io/atomic_file.h"
#include "framework/nn/layer.h"
#include "lab/export/onnx_op.h"

namespace ebb {

/// What a graph takes.
enum class OnnxInput : std::uint8_t {
  pixels,        ///< "pixels", u8 `[N, h, w, c]`: the graph standardises them.
  standardised,  ///< "images", f32 `[N, c, h, w]`: who calls standardises them.
};

/// Options of export_onnx().
struct OnnxOptions {
  OnnxInput input = OnnxInput::pixels;               ///< What the graph takes.
  PixelStatistics standardisation = {};              ///< Of pixels: one number for each channel, or one for all.
  std::int64_t batch = 0;                            ///< Number of images; 0: any.
  bool softmax = false;                              ///< Whether there is an output "probabilities" beside "logits".
  std::string name = "model";                        ///< Of the graph.
  std::vector<OnnxOp> ops = {};                      ///< Of one's own; they stand before the library's of that name.
  std::map<std::string, std::string> metadata = {};  ///< Entries of metadata_props.
};

/// The bytes of an ONNX model (operator set 17, version 8 of the intermediate representation) that computes what
/// `model` does in eval mode. The graph is what a forward pass really ran, so a composite of known ops needs no line of
/// its own. Values lie as in PyTorch, images as `[n, c, h, w]`, and initializers have PyTorch's names (see
/// import_torch()); what is computed from parameters alone is a constant. The output is "logits". \param image `[h, w,
/// c]` of an image. \throws Error naming op and layer for an op that has no row (see OnnxOp) and for steps that depend
/// on the images
///     otherwise than by ops; when parameters are not f32, or options are out of range.
std::string onnx_model(Layer& model, const Shape& image, const OnnxOptions& options = {});

/// Writes onnx_model() to a file, as a whole or not at all.
/// \throws Error as above, and when the file cannot be written.
void export_onnx(Layer& model, const Shape& image, const std::filesystem::path& file, const OnnxOptions& options = {},
                 Existing existing = Existing::replace);

}  // namespace ebb
