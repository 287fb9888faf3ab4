/// \file
/// Who looks on while layers run.
#pragma once

#include "framework/autograd/var.h"

namespace ebb {

class Layer;
class Module;

namespace detail {

/// Learns of the calls of layers in its thread; summary() is one.
class CallObserver {
 public:
  virtual ~CallObserver() = default;
  /// Before the call.
  virtual void enter(Layer& layer, const Var& x) = 0;
  /// After the call.
  virtual void leave(Layer& layer, const Var& x, const Var& y) = 0;
};

/// Null, but while someone looks on.
extern constinit thread_local CallObserver* call_observer;

/// Learns which modules run in its thread, also those that are computed together with their neighbours and get no
/// call of their own: it changes nothing of how they are computed, as a CallObserver does.
class PlaceObserver {
 public:
  virtual ~PlaceObserver() = default;
  /// A module begins.
  virtual void enter(const Module& module) = 0;
  /// It ends, also by an error.
  virtual void leave(const Module& module) noexcept = 0;
};

/// Null, but while someone looks on.
extern constinit thread_local PlaceObserver* place_observer;

/// Tells the thread's PlaceObserver, if there is one, of a module that runs while this lives.
class Place {
 public:
  explicit Place(const Module& module) : observer_(place_observer), module_(module) {
    if (observer_ != nullptr) observer_->enter(module_);
  }
  ~Place() {
    if (observer_ != nullptr) observer_->leave(module_);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

 private:
  PlaceObserver* observer_;
  const Module& module_;
};

}  // namespace detail
}  // namespace ebb
