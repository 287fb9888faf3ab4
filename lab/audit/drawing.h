/// \file
/// The network of an audit as a picture.
#pragma once

#include <string>
#include <vector>

#include "lab/audit/audit.h"

namespace ebb {

/// The recorded pass from top to bottom as an SVG element: a line for each map with the norm and the activation behind
/// it, a box for its parameters in the colour and with the letter of their position, wires at the left for what skips
/// lines, a legend. What decay acts on has a heavy outline. Of networks of more than 160 lines those in the middle are
/// one line with numbers. Names are escaped and shortened to fit; the whole path is the tool tip.
/// \param rows of the parameters. \param values of the pass; NetworkValue::parameter is a number of `rows`.
std::string audit_drawing(const std::vector<AuditRow>& rows, const std::vector<NetworkValue>& values);

/// The colour of a position, in CSS: the drawing has it at part of its strength, so that it suits any paper.
const char* colour(Position position);

/// The letter of a position, for pictures without colours.
char letter(Position position);

/// What decay does at a position, in a line.
const char* meaning(Position position);

}  // namespace ebb
