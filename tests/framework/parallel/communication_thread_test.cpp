#include "framework/parallel/communication_thread.h"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <future>
#include <vector>

#include "framework/tensor/error.h"
#include "tests/support/errors.h"

namespace ebb::parallel {
namespace {

BOOST_AUTO_TEST_SUITE(communication_thread)

BOOST_AUTO_TEST_CASE(does_jobs_in_their_order_beside_who_gave_them) {
  CommunicationThread thread;
  thread.wait();  // nothing to wait for
  std::promise<void> begun, go;
  std::vector<int> order;
  const auto caller = std::this_thread::get_id();
  bool other = true;
  thread.post([&] {
    begun.set_value();
    go.get_future().wait();
  });
  begun.get_future().wait();  // it runs while this thread goes on
  for (int i = 0; i < 100; ++i)
    thread.post([&, i] {
      order.push_back(i);
      other = other && std::this_thread::get_id() != caller;
    });
  BOOST_TEST(order.empty());
  go.set_value();
  thread.wait();
  BOOST_TEST(order.size() == 100u);
  BOOST_TEST(std::ranges::is_sorted(order));
  BOOST_TEST(other);
  thread.post([&] { order.clear(); });
  thread.wait();
  BOOST_TEST(order.empty());
}

BOOST_AUTO_TEST_CASE(tells_what_a_job_has_thrown_and_leaves_out_those_behind_it) {
  CommunicationThread thread;
  std::promise<void> go;
  int done = 0;
  thread.post([&] {
    go.get_future().wait();
    fail("job", "a failure", "none");
  });
  for (int i = 0; i < 3; ++i) thread.post([&] { ++done; });
  go.set_value();
  BOOST_TEST(test::fails_with({"a failure"}, [&] { thread.wait(); }));
  BOOST_TEST(done == 0);
  thread.post([&] { ++done; });
  thread.wait();
  BOOST_TEST(done == 1);
}

BOOST_AUTO_TEST_CASE(counts_the_seconds_of_jobs) {
  CommunicationThread thread;
  for (int i = 0; i < 2; ++i) thread.post([] { std::this_thread::sleep_for(std::chrono::milliseconds(50)); });
  thread.wait();
  BOOST_TEST(thread.busy() >= 0.1);
}

BOOST_AUTO_TEST_CASE(ends_with_jobs_left) {
  std::atomic<int> done = 0;
  {
    std::promise<void> begun;
    CommunicationThread thread;
    thread.post([&] {
      begun.set_value();
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      ++done;
    });
    begun.get_future().wait();
    thread.post([&] { done += 10; });
  }
  BOOST_TEST(done == 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::parallel
