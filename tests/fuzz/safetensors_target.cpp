// Files of tensors: what is read is what is written again.
#include <cstring>

#include "framework/tensor/error.h"
#include "tests/fuzz/tensor_file.h"

namespace ebb::fuzz {
namespace {

Verdict run(const Bytes& input) {
  return attempt([&] {
    const TensorFile got = parse_safetensors(input, "input");
    const Bytes written = serialize_safetensors(got.tensors, got.metadata);
    const TensorFile again = parse_safetensors(written, "what was written");
    require(again.checked, "what is written has checksums");
    require(same(got, again), "what is written reads back");
    // Nothing that is not finite goes unseen.
    bool refused = false;
    try {
      parse_safetensors(input, "input", {.refuse_not_finite = true});
    } catch (const Error&) {
      refused = true;
    }
    require(refused == (got.not_finite > 0), "numbers that are not finite are refused where that is asked for");
  });
}

Bytes plain(std::string_view json, std::size_t data) {
  const std::uint64_t length = json.size();
  Bytes out(8);
  std::memcpy(out.data(), &length, 8);
  const Bytes header = test::bytes_of(json);
  out.insert(out.end(), header.begin(), header.end());
  for (std::size_t i = 0; i < data; ++i) out.push_back(static_cast<std::byte>(i));
  return out;
}

std::vector<Bytes> seeds() {
  return {plain("{}", 0),
          plain(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"I64","shape":[],)"
                R"("data_offsets":[8,16]}})",
                16),
          plain(R"({"__metadata__":{"format":"pt"},"h":{"dtype":"F16","shape":[1,2],"data_offsets":[0,4]},)"
                R"("g":{"dtype":"BF16","shape":[2],"data_offsets":[4,8]},"e":{"dtype":"U8","shape":[0,3],)"
                R"("data_offsets":[8,8]},"i":{"dtype":"I32","shape":[1,1,1,1,1,1],"data_offsets":[8,12]}})",
                12),
          serialize_safetensors({{"fc.weight", Tensor::from({1.0, -2.0, 0.5, 4.0}, {2, 2})},
                                 {"steps", Tensor::full({}, 7, DType::i64)},
                                 {"exact", Tensor::full({3}, 0.1, DType::f64)}},
                                {{"trainer", "{\"epoch\": 1}"}})};
}

// The header as JSON, of the right length.
void mutate(Bytes& input, Dice& dice, const Blindly& blindly) {
  if (dice.chance(20)) return mutate_contents(input, dice, blindly);
  std::uint64_t length = 0;
  if (input.size() >= 8) std::memcpy(&length, input.data(), 8);
  if (length == 0 || length > input.size() - 8 || dice.chance(20)) return blindly(input);
  const auto data = input.begin() + 8 + static_cast<std::ptrdiff_t>(length);
  std::string json = test::text_of({input.data() + 8, static_cast<std::size_t>(length)});
  const Bytes rest(data, input.end());
  for (std::size_t n = 1 + dice.below(2); n > 0; --n) test::mutate_json(json, dice);
  input = plain(json, 0);
  input.insert(input.end(), rest.begin(), rest.end());
}

}  // namespace

const Target safetensors{"safetensors", run, seeds, mutate};

}  // namespace ebb::fuzz
