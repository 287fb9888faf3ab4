// Texts of selectors: what one is printed as is read as the same one.
#include <array>

#include "framework/tensor/error.h"
#include "lab/recipe/selector_text.h"
#include "tests/fuzz/small_model.h"
#include "tests/fuzz/target.h"

namespace ebb::fuzz {
namespace {

std::string chosen(const Selector& selector) {
  std::string out;
  for (const Candidate& candidate : candidates()) out += selector(candidate) ? '1' : '0';
  return out;
}

Verdict run(const Bytes& input) {
  const std::string text = test::text_of(input);
  return attempt([&] {
    const Selector got = selector_from_text(text);
    const Selector again = selector_from_text(got.text());
    require(got.text() == again.text(), "a selector is printed as it is read");
    require(chosen(got) == chosen(again), "a selector that was printed and read chooses the same");
    require(chosen(!got) != chosen(got), "a selector and its opposite differ");
  });
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> out;
  for (const char* const text :
       {"weights()", "norms() || biases()", "weights() && !path(\"fc.*\")", "module_type(\"Linear\")", "depth(0, -1)",
        "role(embedding) || !(scalars() && everything_else())", "path(\"*.b?as\")", "((embeddings()))"})
    out.push_back(test::bytes_of(text));
  return out;
}

void mutate(Bytes& input, Dice& dice, const Blindly& blindly) {
  static constexpr std::array words{"||",
                                    "&&",
                                    "!",
                                    "(",
                                    ")",
                                    "\"",
                                    ",",
                                    " ",
                                    "*",
                                    "?",
                                    "-1",
                                    "0",
                                    "2147483648",
                                    "norms()",
                                    "biases()",
                                    "weights()",
                                    "embeddings()",
                                    "scalars()",
                                    "everything_else()",
                                    "path(\"*\")",
                                    "path(\"\")",
                                    "role(norm_scale)",
                                    "module_type(\"\")",
                                    "depth(0,1)"};
  mutate_text(input, dice, blindly, words);
}

}  // namespace

const Target selector{"selector", run, seeds, mutate};

}  // namespace ebb::fuzz
