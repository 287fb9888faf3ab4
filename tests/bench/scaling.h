/// \file
/// ebb-bench's rows for small networks: are more threads ever slower?
#pragma once

namespace ebb {

/// Prints a row for each of 30 small networks and batches: the median time of a training step with one thread and with
/// `threads`, measured in turns for `seconds`, and their ratio; then the largest ratio.
void print_scaling_rows(int threads, double seconds, bool json);

}  // namespace ebb
