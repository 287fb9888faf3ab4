// What `ebb data verify` and `ebb data show` do with folders of pictures and packed sets.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>

#include "data/image_dataset.h"

namespace ebb {

// Whether it is the path of a folder or a packed set, and not the name of a published data set.
bool is_pictures(const std::string& what);

// Prints classes, sizes, broken pictures, equal ones within and across splits, nearly constant ones, and classes that a
// split lacks. 0 when all can be read and no class is lacking, else 1.
// \throws Error as find_pictures() and load_packed_set() do.
int verify_pictures(const std::string& what, std::ostream& out);

// Some pictures of each of the first classes, in their median size, but with sides of at most 192 pixels.
// \param test of the test set.
// \throws Error as above, and for a test set that a folder does not have.
ImageDataset some_pictures(const std::string& what, bool test, std::int64_t classes, std::int64_t of_each,
                           std::uint64_t seed);

}  // namespace ebb
