// Standard input, output and error of the program: private to it.
#pragma once

#include "lab/training/train_observer.h"

namespace ebb {

// Call it first in main. Descriptors 0 to 2 that are closed lead to /dev/null, so that no file of ours gets their
// number and with it the program's text. A closed pipe is an error on writing, not a signal that ends a training.
void prepare_standard_streams();

// Call it last in main, with the exit status. Where standard output could not be written it says so on standard error,
// and a status of 0 becomes 1. Of a pipe whose reader left it says nothing, and 0 becomes 128 + SIGPIPE.
int after_output(int status);

// Whether standard output is a pipe whose reader left: nobody wants what a command says from here on.
bool reader_left();

// Notes once, as an event, that standard output cannot be written: a training goes on without it.
class LostOutput : public TrainObserver {
 public:
  void on_step(const Trainer& trainer, const StepResult& step) override;
  void on_epoch(const Trainer& trainer, const EpochResult& epoch) override;
  void on_event(const Trainer& trainer, const TrainEvent& event) override;

 private:
  void look(const Trainer& trainer);
  bool told_ = false;
};

}  // namespace ebb
