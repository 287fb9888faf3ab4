/// \file
/// The diagnosis that a recipe asks for.
#pragma once

#include <memory>

#include "lab/diagnose/diagnostics.h"
#include "lab/setup/session.h"

namespace ebb {

/// Looks on at the training of a session, from its next step on; null unless the recipe says `diagnose`. Positions are
/// those of the session's beginning(). What is returned ends before the session; it belongs to the state of
/// the trainer, so a training that is resumed has it before it loads that.
std::unique_ptr<Diagnostics> diagnose(Session& session);

}  // namespace ebb
