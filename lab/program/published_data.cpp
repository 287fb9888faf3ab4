#include "lab/program/published_data.h"

#include "data/cifar.h"
#include "data/mnist.h"
#include "data/optdigits.h"

namespace ebb {

ImageDataset load(const PublishedSet& set, const std::filesystem::path& directory, Split split) {
  if (set.name == "mnist") return Mnist(directory, split);
  if (set.name == "fashion-mnist") return FashionMnist(directory, split);
  if (set.name == "cifar-10") return Cifar10(directory, split);
  if (set.name == "cifar-100") return Cifar100(directory, split);
  return Optdigits(directory, split);
}

}  // namespace ebb
