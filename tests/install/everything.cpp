// All of Ebb by one include.
#include <ebb/ebb.h>

#include "optim/decay.h"

namespace user {
std::string decay_in_words() { return ebb::decoupled_lr(decay).text(); }
}  // namespace user
