// What files of weights say about themselves: every option comes back, and nothing else is believed.
#include <boost/test/unit_test.hpp>

#include "data/dataset.h"
#include "framework/io/safetensors.h"
#include "framework/tensor/memory_bound.h"
#include "lab/runs/model_card.h"
#include "lab/setup/build.h"
#include "lab/use/predictor.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_directory.h"

namespace ebb {
namespace {

using test::fails_with;

ModelCard card_of(const std::vector<std::string>& settings, Shape image = {32, 32, 3}) {
  Recipe recipe;
  apply_settings(recipe, settings);
  const TensorDataset data(Tensor::zeros(image.insert(0, 2)), Tensor::zeros({2}, DType::i64), 3);
  ModelCard out = model_card(recipe, data);
  out.standardisation = PixelStatistics{{0.1, 0.2, 0.3}, {0.5, 0.25, 1.0 / 3}};
  return out;
}

std::filesystem::path golden(const char* name) {
  return std::filesystem::path(EBB_SOURCE_DIR) / "tests" / "golden" / name;
}

BOOST_AUTO_TEST_SUITE(cards)

BOOST_AUTO_TEST_CASE(all_that_builds_a_model_comes_back) {
  for (const std::vector<std::string>& settings : std::vector<std::vector<std::string>>{
           {"model=lenet"},
           {"model=resnet-8", "norm=group", "norm_groups=4", "shortcut=projection"},
           {"model=wrn-10-1", "dropout=0.3"},
           {"model=resnet9", "width=8"},
           {"model=mlp", "hidden=5,7", "lr=3", "init=somewhere.safetensors", "data_dir=/media/disk"}}) {
    const ModelCard card = card_of(settings);
    const auto metadata = to_metadata(card);
    const ModelCard back = card_from(metadata, "file");
    BOOST_TEST((to_metadata(back) == metadata));
    BOOST_TEST((*back.image == *card.image));
    BOOST_TEST((back.standardisation == card.standardisation));
    BOOST_TEST(back.classes == card.classes, boost::test_tools::per_element());
    const auto first = make_model(card.model, *card.image, 3), second = make_model(back.model, *back.image, 3);
    BOOST_TEST(first->state().size() == second->state().size(), settings.front());
    for (const auto& [name, value] : first->state())
      BOOST_TEST((second->state().at(name).shape() == value.shape()), settings.front() << ": " << name);
    // Nothing of the machine and of the training that it came from.
    for (const auto& [key, value] : metadata)
      BOOST_TEST((value.find("media") == std::string::npos && value.find("somewhere") == std::string::npos), key);
  }
}

BOOST_AUTO_TEST_CASE(names_of_classes_may_be_any_text) {
  ModelCard card = card_of({});
  card.classes = {"a,b", "\"quoted\"", "grüße", "line\nfeed"};
  BOOST_TEST(card_from(to_metadata(card), "file").classes == card.classes, boost::test_tools::per_element());
}

// 8 GB of weights by the words of a file of 250 kB.
BOOST_AUTO_TEST_CASE(a_card_cannot_make_a_network_that_its_weights_are_not_of) {
  const test::TemporaryDirectory place;
  ModelCard card = card_of({"model=lenet"});
  const auto classes = static_cast<std::int64_t>(card.classes.size());
  const State weights = make_model(card.model, {28, 28, 1}, classes)->state();
  card.standardisation.reset();
  for (const Shape& image : {Shape{4096, 4096, 1}, Shape{300, 300, 3}}) {
    card.image = image;
    save_safetensors(place / "model.safetensors", weights, to_metadata(card));
    memory::reset_peak();
    const std::size_t before = memory::stats().peak_bytes;
    BOOST_TEST(fails_with({"a tensor of", "model.safetensors", "192000 bytes", text(image), "not those of its weights"},
                          [&] { Predictor(place / "model.safetensors"); }));
    BOOST_TEST(memory::stats().peak_bytes - before < std::size_t{8} << 20);
  }
  // A size that is only a little off gets the names of what does not fit.
  card.image = Shape{32, 32, 1};
  save_safetensors(place / "model.safetensors", weights, to_metadata(card));
  BOOST_TEST(fails_with({"fc1.weight"}, [&] { Predictor(place / "model.safetensors"); }));
  card.image = Shape{28, 28, 1};
  save_safetensors(place / "model.safetensors", weights, to_metadata(card));
  BOOST_TEST(Predictor(place / "model.safetensors").image() == Shape({28, 28, 1}));
  // Bounds stand within each other and end.
  const memory::Bound outer(1 << 20, "little");
  {
    const memory::Bound inner(1 << 10, "less");
    BOOST_TEST(fails_with({"2000 bytes", "less"}, [] { Tensor({500}); }));
    const memory::Bound wide(1 << 30, "more");
    BOOST_TEST(fails_with({"less"}, [] { Tensor({500}); }));
  }
  BOOST_TEST(Tensor({500}).size() == 500);
  BOOST_TEST(fails_with({"little"}, [] { Tensor({500, 1000}); }));
}

BOOST_AUTO_TEST_CASE(damaged_cards_are_refused) {
  const auto with = [](const char* key, const std::string& value) {
    auto metadata = to_metadata(card_of({}));
    metadata[key] = value;
    return metadata;
  };
  const auto refused = [&](std::initializer_list<std::string_view> parts, const char* key, const std::string& value) {
    return fails_with(parts, [&] { card_from(with(key, value), "my.safetensors"); });
  };
  BOOST_TEST(refused({"my.safetensors", "0x28x1", "28x28x1"}, "image", "0,28,1"));
  for (const char* const image :
       {"", "28", "28,28", "28,28,2", "28,28,1,1", "5000,1,1", "28,28,1 ", "-1,28,1", "99999999999999999999,1,1"})
    BOOST_TEST(refused({"my.safetensors", "image shape"}, "image", image), image);
  for (const char* const names : {"", "[]", "{}", "[1]", "cat,dog", "[\"a\""})
    BOOST_TEST(refused({"my.safetensors"}, "classes", names), names);
  BOOST_TEST(refused({"class"}, "classes", "[\"" + std::string(600, 'x') + "\"]"));
  BOOST_TEST(refused({"my.safetensors"}, "classes", std::string(5000, '[')));
  for (const char* const options : {"[]", "{\"lr\":\"1\"}", "{\"norm\":3}", "{\"norm\":\"sideways\"}", "{\"x\":\"1\"}",
                                    "{\"init\":\"/etc/passwd\"}", "{"})
    BOOST_TEST(refused({"my.safetensors"}, "model_options", options), options);
  BOOST_TEST(refused({"my.safetensors"}, "model", "no such model"));
  BOOST_TEST(refused({"my.safetensors"}, "pixel_mean", "0.1"));
}

// Files of released versions are used for ever; what they do not say is asked for.
BOOST_AUTO_TEST_CASE(files_of_earlier_versions_are_used) {
  const auto before = golden("mlp_of_0_1_before_cards.safetensors");
  BOOST_TEST(
      fails_with({"classes", "--classes cat,dog"}, [&] { Predictor predictor(before, {.settings = {"hidden=4"}}); }));
  std::vector<std::string> digits;
  for (int digit = 0; digit < 10; ++digit) digits.push_back(text(digit));
  Predictor old(before, {.settings = {"hidden=4"}, .classes = digits});
  BOOST_TEST((old.image() == Shape{28, 28, 1}));
  BOOST_TEST(old.card().standardisation->mean.front() == 0.1307);

  Predictor today(golden("mlp_of_0_1.safetensors"));
  BOOST_TEST(today.classes() == digits, boost::test_tools::per_element());
  BOOST_TEST(today.card().model.hidden->front() == 4);
  const Tensor chances = today.predict(Tensor::full({3, 28, 28, 1}, 40, DType::u8));
  for (std::int64_t n = 0; n < 3; ++n) {
    double sum = 0;
    for (std::int64_t c = 0; c < 10; ++c) sum += chances.at({n, c});
    BOOST_TEST(std::abs(sum - 1) < 1e-6);
  }
  BOOST_TEST(fails_with({"[3, 28, 27, 1]", "fitted()"}, [&] {
    today.predict(Tensor::zeros({3, 28, 27, 1}, DType::u8));
  }));
  BOOST_TEST(fails_with({"hidden"},
                        [&] { Predictor wrong(before, {.settings = {"hidden=65536,65536x"}, .classes = digits}); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
