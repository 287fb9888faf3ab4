/// \file
/// ebb-bench's rows for loaders: does a training step ever wait for its batch?
#pragma once

namespace ebb {

/// Prints a row for each of some trainings with their augmentation, on images in memory: images a second that the
/// loader makes in one thread of its own, images a second of the training fed by it, and the share of the training's
/// time in which it waited for a batch, with prefetching and without.
void print_loader_rows(double seconds, bool json);

}  // namespace ebb
