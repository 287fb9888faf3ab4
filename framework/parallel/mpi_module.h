/// \file
/// The interface between the framework and a module that is compiled against one implementation of MPI. Plain C, since
/// the two share nothing else. Private to the framework.
#pragma once

/// Of this interface: a module of another one is refused.
enum { ebb_mpi_interface = 2 };

/// What a module can do. Its calls return 0, or a number that error_text() knows. Threads take turns.
struct EbbMpi {
  int interface;     ///< ebb_mpi_interface.
  const char* name;  ///< "Open MPI" or "MPICH".

  /// Joins the ranks that the launcher has started. \param turns 1 where threads may take turns in calling MPI, else 0.
  int (*join)(int* rank, int* size, int* turns);

  /// Begin to send or to receive a message, which look() brings to its end. The bytes must stay until then.
  int (*send)(const void* bytes, int count, int to, int tag);
  int (*receive)(void* bytes, int count, int from, int tag);

  /// Lets messages go on. \param pending how many are not at their end.
  int (*look)(int* pending);

  /// 1 when a message from or to `rank` is pending, else 0.
  int (*waits_for)(int rank);

  /// \param there 1 when a message with this tag has come that nobody has asked for, else 0.
  int (*probe)(int tag, int* there);

  /// Gives up what is pending. \param left how many messages cannot be given up: they stay pending.
  int (*give_up)(int* left);

  /// Leaves the others; all must do so, with nothing pending.
  int (*leave)();

  void (*error_text)(int error, char* out, int room);  ///< At most room - 1 bytes and a zero.
};
