// A module for one implementation of MPI. It uses nothing of the framework: see mpi_module.h.
#include "framework/parallel/mpi_module.h"

#include <mpi.h>

#include <cstdio>
#include <cstring>
#include <new>
#include <vector>

namespace {

struct Message {
  int peer = 0;
  int count = 0;
  bool receives = false;
};

constexpr int other_length = -1;  // a message that is shorter than it should be

std::vector<MPI_Request> requests;
std::vector<Message> messages;
std::vector<int> ended;
std::vector<MPI_Status> statuses;
int wrong_peer = 0, wrong_count = 0, wanted_count = 0;

int join(int* rank, int* size, int* turns) {
  int given = MPI_THREAD_SINGLE;
  if (const int error = MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &given); error != MPI_SUCCESS)
    return error;
  *turns = given >= MPI_THREAD_SERIALIZED ? 1 : 0;
  if (const int error = MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN); error != MPI_SUCCESS) return error;
  if (const int error = MPI_Comm_rank(MPI_COMM_WORLD, rank); error != MPI_SUCCESS) return error;
  return MPI_Comm_size(MPI_COMM_WORLD, size);
}

int take(const Message& message, MPI_Request** request) {
  try {
    requests.reserve(requests.size() + 1);
    messages.push_back(message);
    requests.push_back(MPI_REQUEST_NULL);
    ended.resize(requests.size());
    statuses.resize(requests.size());
  } catch (const std::bad_alloc&) {
    return MPI_ERR_NO_MEM;
  }
  *request = &requests.back();
  return MPI_SUCCESS;
}

int send(const void* bytes, int count, int to, int tag) {
  MPI_Request* request = nullptr;
  if (const int error = take({to, count, false}, &request); error != MPI_SUCCESS) return error;
  return MPI_Isend(bytes, count, MPI_BYTE, to, tag, MPI_COMM_WORLD, request);
}

int receive(void* bytes, int count, int from, int tag) {
  MPI_Request* request = nullptr;
  if (const int error = take({from, count, true}, &request); error != MPI_SUCCESS) return error;
  return MPI_Irecv(bytes, count, MPI_BYTE, from, tag, MPI_COMM_WORLD, request);
}

int look(int* pending) {
  *pending = 0;
  if (requests.empty()) return MPI_SUCCESS;
  int done = 0;
  const int error =
      MPI_Testsome(static_cast<int>(requests.size()), requests.data(), &done, ended.data(), statuses.data());
  if (error == MPI_ERR_IN_STATUS) {
    for (int i = 0; i < done; ++i)
      if (statuses[static_cast<std::size_t>(i)].MPI_ERROR != MPI_SUCCESS)
        return statuses[static_cast<std::size_t>(i)].MPI_ERROR;
  }
  if (error != MPI_SUCCESS) return error;
  for (int i = 0; i < done; ++i) {  // MPI_UNDEFINED, when there are none, is negative
    const Message& message = messages[static_cast<std::size_t>(ended[static_cast<std::size_t>(i)])];
    int count = 0;
    if (!message.receives) continue;
    MPI_Get_count(&statuses[static_cast<std::size_t>(i)], MPI_BYTE, &count);
    if (count == message.count) continue;
    wrong_peer = message.peer;
    wrong_count = count;
    wanted_count = message.count;
    return other_length;
  }
  for (const MPI_Request& request : requests) *pending += request != MPI_REQUEST_NULL ? 1 : 0;
  if (*pending == 0) {
    requests.clear();
    messages.clear();
  }
  return MPI_SUCCESS;
}

int waits_for(int rank) {
  for (std::size_t i = 0; i < requests.size(); ++i)
    if (requests[i] != MPI_REQUEST_NULL && messages[i].peer == rank) return 1;
  return 0;
}

int probe(int tag, int* there) { return MPI_Iprobe(MPI_ANY_SOURCE, tag, MPI_COMM_WORLD, there, MPI_STATUS_IGNORE); }

// Messages to others are not called back: not every MPI can, and small ones are gone already.
int give_up(int* left) {
  *left = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (requests[i] == MPI_REQUEST_NULL) continue;
    if (messages[i].receives)
      if (const int error = MPI_Cancel(&requests[i]); error != MPI_SUCCESS) return error;
    int done = 0;
    if (const int error = MPI_Test(&requests[i], &done, MPI_STATUS_IGNORE); error != MPI_SUCCESS) return error;
    *left += done == 0 ? 1 : 0;
  }
  if (*left == 0) {
    requests.clear();
    messages.clear();
  }
  return MPI_SUCCESS;
}

// Of ranks that leave since one of them fails: MPICH complains of messages that nobody has taken.
int take_what_is_left() {
  std::vector<char> bytes;
  while (true) {
    int there = 0, count = 0;
    MPI_Status status;
    if (const int error = MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &there, &status);
        error != MPI_SUCCESS || there == 0)
      return error;
    MPI_Get_count(&status, MPI_BYTE, &count);
    try {
      bytes.resize(static_cast<std::size_t>(count));
    } catch (const std::bad_alloc&) {
      return MPI_ERR_NO_MEM;
    }
    if (const int error = MPI_Recv(bytes.data(), count, MPI_BYTE, status.MPI_SOURCE, status.MPI_TAG, MPI_COMM_WORLD,
                                   MPI_STATUS_IGNORE);
        error != MPI_SUCCESS)
      return error;
  }
}

int leave() {
  if (const int error = take_what_is_left(); error != MPI_SUCCESS) return error;
  return MPI_Finalize();
}

void error_text(int error, char* out, int room) {
  const auto size = static_cast<std::size_t>(room);
  if (error == other_length) {
    std::snprintf(out, size, "rank %d sent %d bytes where %d were expected", wrong_peer, wrong_count, wanted_count);
    return;
  }
  char text[MPI_MAX_ERROR_STRING + 1] = "";
  int length = 0;
  if (MPI_Error_string(error, text, &length) != MPI_SUCCESS) length = 0;
  text[length] = '\0';
  std::snprintf(out, size, "%s", length > 0 ? text : "an error without a name");
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const EbbMpi ebb_mpi = {
    ebb_mpi_interface,
#ifdef OPEN_MPI
    "Open MPI",
#else
    "MPICH",
#endif
    join,
    send,
    receive,
    look,
    waits_for,
    probe,
    give_up,
    leave,
    error_text,
};
