// A step in steady state asks operator new for nothing.
#include <boost/test/unit_test.hpp>

#include "optim/step_observer.h"
#include "tests/optim/toys.h"
#include "tests/support/allocations.h"
#include "tests/support/tensors.h"

namespace ebb::test {

// Was added, and does not look.
struct Bystander : StepObserver {
  bool wants(std::int64_t) override { return false; }
};

BOOST_AUTO_TEST_SUITE(steady_optimizer_steps)

BOOST_AUTO_TEST_CASE(ask_for_no_memory) {
  for (const Maker& maker : makers())
    for (const Decay& decay : {decoupled_lr(0.1 * cosine(50)), coupled_l2(0.1), stable(0.1), elastic_net(0.1, 0.1)}) {
      const auto a = random_parameter("a", {3, 50}, 1), b = random_parameter("b", {4, 4}, 2);
      const auto optimizer = maker.make(
          groups({a.get(), b.get()}, {{"a", path("a"), {.after_step = max_norm(5)}}, {"b", everything_else()}}), decay,
          warmup(3, cosine(50)));
      const auto step = [&] {
        set_gradient(*a, a->value());
        set_gradient(*b, b->value());
        optimizer->step();
        optimizer->zero_grad();
      };
      Bystander bystander;
      optimizer->add(bystander);
      for (int i = 0; i < 3; ++i) step();
      const AllocationWatch watch;
      for (int i = 0; i < 3; ++i) step();
      const std::uint64_t calls = watch.calls_here();
      BOOST_TEST(calls == 0, maker.name << " with " << decay.text() << ": " << calls);
      optimizer->remove(bystander);
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test
