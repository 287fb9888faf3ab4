#include "data/dataset.h"

#include <algorithm>
#include <utility>

#include "framework/tensor/error.h"

namespace ebb {

const char* name(Split split) { return split == Split::train ? "train" : "test"; }

std::string Dataset::class_name(std::int64_t label) const { return text(label); }

void Dataset::require_readable(std::span<const std::int64_t> indices, std::span<const float> samples,
                               std::span<const std::int64_t> labels) const {
  const std::int64_t count = size();
  for (const std::int64_t index : indices)
    if (index < 0 || index >= count) fail("data set", text("sample ", index), text("0 to ", count - 1));
  const auto wanted = static_cast<std::size_t>(sample_shape().size()) * indices.size();
  if (samples.size() != wanted || labels.size() != indices.size())
    fail("data set", text("room for ", samples.size(), " numbers and ", labels.size(), " labels"),
         text(wanted, " and ", indices.size()));
}

TensorDataset::TensorDataset(Tensor samples, Tensor labels, std::int64_t classes)
    : samples_(std::move(samples)), labels_(std::move(labels)), classes_(classes) {
  require_defined("TensorDataset", "samples", samples_);
  require_defined("TensorDataset", "labels", labels_);
  if (samples_.dtype() != DType::f32 || samples_.rank() < 1 || labels_.dtype() != DType::i64 || labels_.rank() != 1 ||
      labels_.size() != samples_.dim(0))
    fail("TensorDataset",
         text("samples ", samples_.shape(), " of ", samples_.dtype(), " and labels ", labels_.shape(), " of ",
              labels_.dtype()),
         "samples [n, ...] of f32 and labels [n] of i64", "convert them with cast(tensor, dtype)");
  const auto all = labels_.span<std::int64_t>();
  if (classes_ == 0 && !all.empty()) classes_ = *std::ranges::max_element(all) + 1;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i] < 0 || all[i] >= classes_)
      fail("TensorDataset", text("label ", all[i], " of sample ", i), text("0 to ", classes_ - 1));
}

Shape TensorDataset::sample_shape() const { return samples_.shape().without(0); }

void TensorDataset::read(std::span<const std::int64_t> indices, std::span<float> samples,
                         std::span<std::int64_t> labels) const {
  require_readable(indices, samples, labels);
  const auto length = static_cast<std::size_t>(sample_shape().size());
  const auto from = samples_.span<float>();
  const auto from_labels = labels_.span<std::int64_t>();
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const auto index = static_cast<std::size_t>(indices[i]);
    std::ranges::copy(from.subspan(index * length, length), samples.subspan(i * length, length).begin());
    labels[i] = from_labels[index];
  }
}

}  // namespace ebb
