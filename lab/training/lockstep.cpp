#include "lab/training/lockstep.h"

#include <utility>

#include "framework/tensor/error.h"

namespace ebb {

Lockstep::~Lockstep() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
    for (const auto& place : places_) place->woken.notify_all();
  }
  for (const auto& place : places_)
    if (place->thread.joinable()) place->thread.join();
}

// The calling thread has the first place.
void Lockstep::add_places(std::size_t count) {
  while (places_.size() < count) {
    const std::size_t pass = places_.size();
    places_.push_back(std::make_unique<Place>());
    if (pass > 0)
      places_.back()->thread = std::thread([this, pass, place = places_.back().get()] {
        std::unique_lock lock(mutex_);
        for (;;) {
          place->woken.wait(lock, [&] { return stop_ || turn_ == pass; });
          if (stop_) return;
          lock.unlock();
          go_through(pass);
          lock.lock();
        }
      });
  }
}

void Lockstep::run(std::size_t count, const std::function<void(std::size_t)>& pass,
                   const std::function<void(std::size_t)>& enter, const std::function<void(std::size_t)>& leave) {
  {
    const std::scoped_lock lock(mutex_);
    add_places(count);
    pass_ = &pass;
    enter_ = &enter;
    leave_ = &leave;
    count_ = count;
    broken_ = false;
    completed_ = 0;
    for (const auto& place : places_) {
      place->meetings = 0;
      place->done = false;
      place->error = nullptr;
    }
    turn_ = 0;
  }
  go_through(0);
  std::unique_lock lock(mutex_);
  places_[0]->woken.wait(lock, [this] { return turn_ == nobody; });
  for (std::size_t i = 0; i < count; ++i)
    if (places_[i]->error) std::rethrow_exception(places_[i]->error);
}

// A pass from its beginning to its end, by the thread whose turn it is.
void Lockstep::go_through(std::size_t pass) {
  std::exception_ptr error;
  bool whole = false;
  (*enter_)(pass);
  try {
    if (!broken_) (*pass_)(pass);
    whole = true;
  } catch (const Broken&) {
  } catch (...) {
    error = std::current_exception();
  }
  (*leave_)(pass);
  const std::scoped_lock lock(mutex_);
  Place& own = *places_[pass];
  own.done = true;
  own.error = std::move(error);  // this thread has no part in it any more when the next one goes on
  if (!whole) broken_ = true;
  hand_on(pass);
}

// To the next pass that has not ended. Under the lock.
void Lockstep::hand_on(std::size_t pass) {
  turn_ = nobody;
  for (std::size_t step = 1; step <= count_ && turn_ == nobody; ++step) {
    const std::size_t next = (pass + step) % count_;
    if (!places_[next]->done) turn_ = next;
  }
  places_[turn_ == nobody ? 0 : turn_]->woken.notify_all();
}

void Lockstep::meet(std::size_t pass, const std::function<void()>& together) {
  bool last = true;
  {
    const std::scoped_lock lock(mutex_);
    if (broken_) throw Broken();
    Place& own = *places_[pass];
    ++own.meetings;
    for (std::size_t i = 0; i < count_; ++i) {
      const Place& other = *places_[i];
      if (other.done) fail_without_company(pass);
      last = last && other.meetings == own.meetings;
    }
  }
  if (last) {
    together();
    completed_ = places_[pass]->meetings;
  }
  if (count_ == 1) return;
  (*leave_)(pass);
  {
    std::unique_lock lock(mutex_);
    hand_on(pass);
    places_[pass]->woken.wait(lock, [&] { return turn_ == pass; });
  }
  (*enter_)(pass);
  if (broken_) throw Broken();
  if (places_[pass]->meetings > completed_) fail_without_company(pass);
}

void Lockstep::fail_without_company(std::size_t pass) const {
  fail("shards", text("a shard that ended before exchange ", places_[pass]->meetings, " of the others"),
       "shards of a batch that compute alike", "a layer may not choose what it does by the samples it sees");
}

}  // namespace ebb
