// Who takes part in a loop, and how often.
#include "framework/parallel/team.h"

#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

namespace ebb::parallel::detail {
namespace {

// Threads that follow invitations at once, and are over when the test is.
class Guests {
 public:
  explicit Guests(Team& team) : team_(team) {}
  ~Guests() {
    for (std::thread& thread : threads_) thread.join();
  }
  Guests(const Guests&) = delete;
  Guests& operator=(const Guests&) = delete;

  void invite(int place) {
    ++invited;
    threads_.emplace_back([this, place] { team_.attend(place); });
  }

  int invited = 0;

 private:
  Team& team_;
  std::vector<std::thread> threads_;
};

// Waits for a condition that other threads make true; gives up after some seconds.
bool comes_true(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

BOOST_AUTO_TEST_SUITE(team)

BOOST_AUTO_TEST_CASE(all_who_are_invited_take_part_once) {
  Team team;
  Guests guests(team);
  std::array<std::atomic<int>, 4> calls{};
  team.run(
      4,
      [&](std::int64_t place) {
        ++calls[static_cast<std::size_t>(place)];
        if (place > 0) return;
        const bool all = comes_true([&] { return calls[1] > 0 && calls[2] > 0 && calls[3] > 0; });
        BOOST_TEST(all);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));  // time to come again
      },
      [&](int place) { guests.invite(place); });
  for (const auto& count : calls) BOOST_TEST(count == 1);
  BOOST_TEST(guests.invited == 3);
}

BOOST_AUTO_TEST_CASE(the_caller_waits_for_those_who_have_come) {
  Team team;
  Guests guests(team);
  for (int loop = 0; loop < 20; ++loop) {
    std::atomic<bool> came{false}, left{false};
    team.run(
        2,
        [&](std::int64_t place) {
          if (place == 0) return static_cast<void>(comes_true([&] { return came.load(); }));
          came = true;
          std::this_thread::sleep_for(std::chrono::milliseconds(3));
          left = true;
        },
        [&](int place) { guests.invite(place); });
    BOOST_TEST((came && left), "loop " << loop);
  }
}

BOOST_AUTO_TEST_CASE(who_comes_too_late_finds_nothing) {
  Team team;
  int calls = 0, asked = 0;
  team.run(
      2, [&](std::int64_t) { ++calls; }, [&](int place) { asked = place; });
  BOOST_TEST(asked == 1);
  BOOST_TEST(calls == 1);
  team.attend(asked);
  BOOST_TEST(calls == 1);
}

BOOST_AUTO_TEST_CASE(who_stays_needs_no_second_invitation) {
  Team team;
  Guests guests(team);
  constexpr int loops = 1000;
  int together = 0;
  for (int loop = 0; loop < loops; ++loop) {
    std::atomic<bool> came{false};
    team.run(
        2,
        [&](std::int64_t place) {
          if (place == 1) came = true;
          else if (comes_true([&] { return came.load(); })) ++together;
        },
        [&](int place) { guests.invite(place); });
  }
  BOOST_TEST(together == loops);
  BOOST_TEST(guests.invited < loops);
}

// Of a team that was larger.
BOOST_AUTO_TEST_CASE(places_beyond_a_loop_do_not_run) {
  Team team;
  Guests guests(team);
  std::atomic<int> beyond{0};
  guests.invite(2);
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
  while (std::chrono::steady_clock::now() < until)
    team.run(
        2, [&](std::int64_t place) { beyond += place > 1; }, [](int) {});
  BOOST_TEST(beyond == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::parallel::detail
