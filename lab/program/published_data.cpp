#include "lab/program/published_data.h"

#include "data/cifar.h"
#include "data/mnist.h"
#include "data/optdigits.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"

namespace ebb {

ImageDataset load(const PublishedSet& set, const std::filesystem::path& directory, Split split) {
  if (set.name == "mnist") return Mnist(directory, split);
  if (set.name == "fashion-mnist") return FashionMnist(directory, split);
  if (set.name == "cifar-10") return Cifar10(directory, split);
  if (set.name == "cifar-100") return Cifar100(directory, split);
  if (set.name == "optdigits") return Optdigits(directory, split);
  fail("load", in_quotes(set.name), "a set that has a reader", "add its line in lab/program/published_data.cpp");
}

}  // namespace ebb
