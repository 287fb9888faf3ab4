#include "lab/program/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string>

#include "framework/io/descriptor.h"
#include "lab/program/program_name.h"
#include "lab/training/trainer.h"

namespace ebb {
namespace {

// Writes out what standard output holds. The first error that it had; 0 for none.
int output_error() {
  static int first = 0;
  if (first != 0 || (std::fflush(stdout) == 0 && std::ferror(stdout) == 0)) return first;
  // The stream remembers that it failed, not why: one byte more meets the same cause.
  return first = ::write(STDOUT_FILENO, "\n", 1) < 0 ? errno : EIO;
}

}  // namespace

void prepare_standard_streams() {
  for (int file = STDIN_FILENO; file <= STDERR_FILENO; ++file) {
    if (::fcntl(file, F_GETFD) >= 0) continue;
    // The lowest free number is this one. Without /dev/null, a descriptor that nothing can be written to keeps it.
    if (::open("/dev/null", file == STDIN_FILENO ? O_RDONLY : O_WRONLY) < 0) ::open("/", O_PATH);
  }
  std::signal(SIGPIPE, SIG_IGN);
}

int after_output(int status) {
  const int error = output_error();
  if (error == 0) return status;
  // Whoever reads only the first lines misses nothing: as other programs do that the signal ends.
  if (error == EPIPE) return status == 0 ? 128 + SIGPIPE : status;
  const std::string message = text(program_name(), ": [standard output] got ", refusal(error, "writing"),
                                   "; wanted all of it written; what was done stands, only what was said is lost\n");
  std::fputs(message.c_str(), stderr);
  return status == 0 ? 1 : status;
}

bool reader_left() { return output_error() == EPIPE; }

void LostOutput::on_step(const Trainer& trainer, const StepResult&) { look(trainer); }
void LostOutput::on_epoch(const Trainer& trainer, const EpochResult&) { look(trainer); }
void LostOutput::on_event(const Trainer& trainer, const TrainEvent&) { look(trainer); }

void LostOutput::look(const Trainer& trainer) {
  if (told_) return;
  const int error = output_error();
  if (error == 0) return;
  told_ = true;
  trainer.report({"warning", text("standard output cannot be written: ", refusal(error, "writing"),
                                  "; the training goes on, and its log has what happens")});
}

}  // namespace ebb
