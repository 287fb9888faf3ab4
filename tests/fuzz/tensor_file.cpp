#include "tests/fuzz/tensor_file.h"

#include <algorithm>
#include <array>

#include "framework/tensor/error.h"

namespace ebb::fuzz {
namespace {

constexpr std::array types{DType::f32, DType::f64, DType::i32, DType::i64, DType::u8};

Shape reshaped(const Shape& shape, Dice& dice) {
  std::vector<std::int64_t> dims(shape.dims().begin(), shape.dims().end());
  const std::size_t at = dice.below(dims.size());
  switch (dice.below(5)) {
    case 0: dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(at), 1); break;
    case 1:
      if (!dims.empty()) dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(at));
      break;
    case 2:
      if (dims.size() > 1) std::swap(dims[at], dims[dice.below(dims.size())]);
      break;
    default:
      if (!dims.empty()) dims[at] = static_cast<std::int64_t>(dice.below(9));
  }
  if (dims.size() > 6) dims.resize(6);
  return Shape(dims);
}

Tensor changed(const Tensor& old, Dice& dice, const Blindly& blindly) {
  const bool other_shape = dice.chance(40);
  const Tensor fresh = Tensor::zeros(other_shape ? reshaped(old.shape(), dice) : old.shape(),
                                     dice.chance(15) ? types[dice.below(types.size())] : old.dtype());
  Bytes bytes(old.bytes().begin(), old.bytes().end());
  if (!bytes.empty() && dice.chance(60)) blindly(bytes);
  Tensor out = fresh;
  const auto to = out.mutable_bytes();
  std::ranges::copy_n(bytes.begin(), static_cast<std::ptrdiff_t>(std::min(bytes.size(), to.size())), to.begin());
  return out;
}

}  // namespace

bool same(const TensorFile& a, const TensorFile& b) {
  return a.metadata == b.metadata && a.not_finite == b.not_finite &&
         std::ranges::equal(a.tensors, b.tensors, [](const auto& x, const auto& y) {
           return x.first == y.first && x.second.dtype() == y.second.dtype() && x.second.shape() == y.second.shape() &&
                  std::ranges::equal(x.second.bytes(), y.second.bytes());
         });
}

void mutate(TensorFile& file, Dice& dice, const Blindly& blindly) {
  if (!file.metadata.empty() && dice.chance(50)) {
    auto text = std::next(file.metadata.begin(), static_cast<std::ptrdiff_t>(dice.below(file.metadata.size())));
    if (dice.chance(10)) file.metadata.erase(text);
    else test::mutate_json(text->second, dice);
    return;
  }
  if (file.tensors.empty()) {
    file.tensors["w"] = Tensor::zeros({2});
    return;
  }
  const auto some = [&] {
    return std::next(file.tensors.begin(), static_cast<std::ptrdiff_t>(dice.below(file.tensors.size())));
  };
  const auto tensor = some();
  const std::string other = some()->first;
  switch (dice.below(6)) {
    case 0: file.tensors.erase(tensor); break;
    case 1: file.tensors[other + ".weight"] = tensor->second; break;
    case 2: std::swap(file.tensors.at(other), tensor->second); break;
    case 3: {
      Bytes name = test::bytes_of(tensor->first);
      blindly(name);
      const Tensor moved = tensor->second;
      file.tensors.erase(tensor);
      file.tensors[test::text_of(name)] = moved;
      break;
    }
    default: tensor->second = changed(tensor->second, dice, blindly);
  }
}

void mutate_contents(Bytes& input, Dice& dice, const Blindly& blindly) {
  if (dice.chance(15)) return blindly(input);
  try {
    TensorFile file = parse_safetensors(input, "input");
    for (std::size_t n = 1 + dice.below(2); n > 0; --n) mutate(file, dice, blindly);
    input = serialize_safetensors(file.tensors, file.metadata);
  } catch (const Error&) {
    blindly(input);
  }
}

}  // namespace ebb::fuzz
