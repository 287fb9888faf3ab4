// gnuplot's SVG made fit for a page: private to the plots.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ebb::svg {

// The colour that stands for entry `number` of a palette in gnuplot's commands: "#rrggbb", or "#aarrggbb" where it
// covers less than all of what lies behind.
std::string ink(std::size_t number, double opacity = 1);

// The picture as an element of a page: inks become the colours of `palette`, in CSS, which may differ in light and
// dark; names of elements begin with a hash of the picture, so that no two pictures share one and a page has the same
// bytes whatever was drawn before it; the size is the surroundings'. Empty when `picture` holds no SVG.
// \param label what is read aloud in place of the picture.
std::string for_page(std::string_view picture, const std::vector<std::string>& palette, std::string_view label);

}  // namespace ebb::svg
