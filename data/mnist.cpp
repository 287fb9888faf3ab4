#include "data/mnist.h"

#include <array>
#include <string>
#include <vector>

#include "data/idx.h"
#include "data/published.h"
#include "data/recognize.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

struct Kind {
  const char* set;
  std::vector<std::string> class_names;
  double mean;
  double deviation;
};

Kind mnist() { return {"mnist", {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}, 0.1307, 0.3081}; }

Kind fashion_mnist() {
  return {"fashion-mnist",
          {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"},
          0.2860,
          0.3530};
}

ReadFile read_file(const fs::path& path, const Tensor& contents) {
  ReadFile file{.name = path.string(), .fingerprint = {}};
  file.fingerprint.add(idx_header(contents));
  file.fingerprint.add(contents.bytes());
  return file;
}

ImageDataset load(const Kind& kind, const fs::path& directory, Split split, const MnistOptions& options) {
  const PublishedSet& set = published_set(kind.set);
  const std::vector<fs::path> files = find_published(set, directory, split);
  Tensor images = read_idx(files[0]);
  Tensor labels = read_idx(files[1]);
  if (images.rank() != 3) fail(files[0].string(), text("labels ", images.shape()), "images [n, rows, columns]");
  if (labels.rank() != 1) fail(files[1].string(), text("images ", labels.shape()), "labels [n]");
  if (labels.size() != images.dim(0))
    fail(files[1].string(), text(labels.size(), " labels for ", images.dim(0), " images"), "one label for each image",
         text("it does not belong to ", files[0].string()));
  const std::string remark =
      recognize(set, split, std::array{read_file(files[0], images), read_file(files[1], labels)});
  ImageDataset out(images.reshape(images.shape().insert(3, 1)), labels, kind.class_names,
                   options.statistics.value_or(PixelStatistics{{kind.mean}, {kind.deviation}}));
  out.set_remark(remark);
  return out;
}

}  // namespace

Mnist::Mnist(const fs::path& directory, Split split, const MnistOptions& options)
    : ImageDataset(load(mnist(), directory, split, options)) {}

FashionMnist::FashionMnist(const fs::path& directory, Split split, const MnistOptions& options)
    : ImageDataset(load(fashion_mnist(), directory, split, options)) {}

}  // namespace ebb
