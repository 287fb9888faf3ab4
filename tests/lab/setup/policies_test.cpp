// The words of recipes for what decays, and the tables of groups that they stand for.
#include <boost/test/unit_test.hpp>
#include <memory>
#include <string>
#include <vector>

#include "lab/setup/build.h"
#include "optim/sgd.h"

namespace ebb {
namespace {

constexpr Role all_roles[] = {Role::weight,    Role::bias,   Role::norm_scale, Role::norm_shift,
                              Role::embedding, Role::scalar, Role::other};

// One parameter of each role.
struct EveryRole : Layer {
  EveryRole() {
    for (const Role role : all_roles)
      parameters.push_back(std::make_unique<Parameter>(*this, name(role), role, Tensor::full({2, 2}, 1)));
  }
  Var forward(const Var& x) override { return x; }
  std::vector<std::unique_ptr<Parameter>> parameters;
};

// A line for each group from the top: its name, its decay, and who is in it.
std::string table_of(const Optimizer& optimizer) {
  std::string out;
  for (std::size_t group = 0; group < optimizer.groups().size(); ++group) {
    out += text(optimizer.groups()[group].name, ", ", optimizer.decay(group).text(), ':');
    for (const Member& member : optimizer.groups()[group].members) out += ' ' + member.path;
    out += '\n';
  }
  return out;
}

BOOST_AUTO_TEST_SUITE(policies)

BOOST_AUTO_TEST_CASE(policies_decay_what_they_say_and_are_the_tables_of_functions_of_that_name) {
  EveryRole model;
  const auto by_recipe = [&](const char* policy) {
    Recipe recipe;
    recipe.decay = "decoupled_lr";
    recipe.lambda = 0.1;
    recipe.decay_on = policy;
    return table_of(*make_optimizer(recipe, model, 10));
  };
  const auto by_function = [&](Groups (*table)(Module&, Decay)) {
    return table_of(Sgd(table(model, decoupled_lr(0.1)), {.lr = 0.1}));
  };
  BOOST_TEST(by_recipe("weights") ==
             "no decay, none: bias norm_scale norm_shift embedding scalar other\ndecayed, decoupled_lr 0.1: weight\n");
  BOOST_TEST(by_recipe("all_but_norms_and_biases") ==
             "no decay, none: bias norm_scale norm_shift\ndecayed, decoupled_lr 0.1: weight embedding scalar other\n");
  BOOST_TEST(by_recipe("everything") ==
             "decayed, decoupled_lr 0.1: weight bias norm_scale norm_shift embedding scalar other\n");
  BOOST_TEST(by_recipe("norms_and_biases") ==
             "decayed, decoupled_lr 0.1: bias norm_scale norm_shift\nno decay, none: weight embedding scalar other\n");
  BOOST_TEST(by_recipe("nothing") == "no decay, none: weight bias norm_scale norm_shift embedding scalar other\n");
  BOOST_TEST(by_recipe("weights") == by_function(decay_weights_only));
  BOOST_TEST(by_recipe("everything") == by_function(decay_everything));
  BOOST_TEST(by_recipe("all_but_norms_and_biases") == by_function(decay_all_but_norms_and_biases));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
