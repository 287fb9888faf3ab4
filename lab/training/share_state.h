/// \file
/// share_state(): a training that goes on, on ranks that do not share a file system.
#pragma once

#include "framework/parallel/communicator.h"
#include "lab/training/trainer.h"

namespace ebb {

/// Gives the state of rank `from`'s trainer to the others, of the same model, optimizer and options: what rank 0 has
/// loaded from a run directory, say. All ranks call it, at the same place between two steps. Nothing for one rank.
void share_state(Trainer& trainer, parallel::Communicator& ranks, int from = 0);

}  // namespace ebb
