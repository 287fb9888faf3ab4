// Changes of safetensors files whose lengths and checksums stay right.
#pragma once

#include "framework/io/safetensors.h"
#include "tests/fuzz/target.h"

namespace ebb::fuzz {

// The same names, types, shapes and bits.
bool same(const TensorFile& a, const TensorFile& b);

// One change of a tensor (its name, shape, type, numbers, or whether it is there) or of a text of the metadata, which
// is taken for JSON.
void mutate(TensorFile& file, Dice& dice, const Blindly& blindly);

// One change of what a file holds, signed anew; of any bytes when it cannot be read, and sometimes otherwise.
void mutate_contents(Bytes& input, Dice& dice, const Blindly& blindly);

}  // namespace ebb::fuzz
