#include "lab/train_command.h"

#include <cstdio>
#include <iostream>

#include "framework/compute/instruction_set.h"
#include "framework/io/atomic_file.h"
#include "framework/nn/summary.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"
#include "lab/build.h"
#include "lab/metrics.h"
#include "lab/progress.h"
#include "lab/recipe.h"
#include "lab/trainer.h"
#include "optim/report.h"

namespace ebb {
namespace {

Recipe resolve(const TrainCommand& command) {
  Recipe recipe = find_recipe(command.what);
  for (const std::string& setting : command.settings) {
    const auto equals = setting.find('=');
    if (equals == std::string::npos) fail("--set", text("\"", setting, "\""), "key=value, for example --set lr=0.05");
    set(recipe, setting.substr(0, equals), setting.substr(equals + 1));
  }
  return recipe;
}

void print_header(const Recipe& recipe, const Loader& train, const Loader& test, Layer& model,
                  const Optimizer& optimizer) {
  std::cout << "Ebb " << EBB_VERSION << ", " << instruction_set() << " kernels, " << parallel::thread_count()
            << (parallel::thread_count() == 1 ? " thread, " : " threads, ") << parallel::backend() << "\n\n"
            << "data    " << recipe.data << ": " << grouped(train.dataset().size()) << " training and "
            << grouped(test.dataset().size()) << " test images of " << text(train.dataset().sample_shape()) << "\n\n"
            << summary(model, train.dataset().sample_shape().insert(0, 1)) << '\n'
            << report(optimizer) << '\n'
            << "lr " << text(recipe.lr) << ", schedule " << recipe.schedule << ", batch " << recipe.batch << ", seed "
            << recipe.seed << "\n\n"
            << "epoch        lr  train loss  train acc   test loss   test acc   images/s   seconds\n"
            << std::flush;
}

void print_epoch(const EpochResult& e) {
  std::printf("%5lld  %8.5f  %10.4f  %8.2f %%  %10.4f  %7.2f %%  %9s  %8.1f\n", static_cast<long long>(e.epoch), e.lr,
              e.train_loss, 100 * e.train_accuracy, e.test_loss, 100 * e.test_accuracy,
              grouped(static_cast<std::int64_t>(e.images_per_second)).c_str(), e.seconds);
  std::fflush(stdout);
}

std::vector<std::string> class_names(const Dataset& data) {
  std::vector<std::string> names;
  for (std::int64_t c = 0; c < data.classes(); ++c) names.push_back(data.class_name(c));
  return names;
}

}  // namespace

void run(const TrainCommand& command) {
  const Recipe recipe = resolve(command);
  if (command.print_recipe) {
    std::cout << to_toml(recipe);
    return;
  }
  if (recipe.threads > 0) parallel::set_thread_count(static_cast<int>(recipe.threads));
  const Loader train = make_train_loader(recipe);
  const Loader test = make_test_loader(recipe);
  const auto model = make_model(recipe, train.dataset());
  const auto optimizer = make_optimizer(recipe, *model, train.batches());
  print_header(recipe, train, test, *model, *optimizer);

  Trainer trainer(*model, *optimizer, train, test,
                  {.epochs = recipe.epochs, .label_smoothing = recipe.label_smoothing, .on_epoch = print_epoch});
  TrainSummary summary = trainer.run();
  summary.recipe = recipe.name;
  summary.data = recipe.data;
  summary.model = recipe.model;
  summary.seed = recipe.seed;
  const std::string directory = run_directory(recipe);
  save_run(directory, *model, summary);
  write_file(directory + "/recipe.toml", to_toml(recipe));

  std::cout << '\n' << class_table(trainer.confusion(), class_names(train.dataset())) << '\n';
  std::printf("test accuracy %.2f %% after %lld epochs in %s\n", 100 * summary.test_accuracy,
              static_cast<long long>(summary.epochs), clock_text(summary.seconds).c_str());
  std::cout << "weights " << summary.weights_sha256 << "\nresults in " << directory
            << ": model.safetensors, summary.json, recipe.toml\n";
}

}  // namespace ebb
