/// \file
/// The temporary files of this process, for the handler of a signal that ends it; see remove_own_temporaries().
#pragma once

#include <string>

namespace ebb::detail {

/// Lists a file while it lives, from before it is made: no moment is left in which it is there and nobody knows of it.
/// What is listed is removed by remove_own_temporaries(); of more than 64 at once the others are not listed.
class ListedTemporary {
 public:
  ListedTemporary() = default;  ///< Lists nothing.

  /// A file that is going to be made: until made() it is ours where nobody has locked it.
  /// \param directory descriptor of its directory, open for as long.
  ListedTemporary(int directory, const std::string& name);
  ~ListedTemporary();
  ListedTemporary(ListedTemporary&& other) noexcept;             ///< Takes the place over.
  ListedTemporary& operator=(ListedTemporary&& other) noexcept;  ///< As above; the other takes this one's.

  /// It was made, and `file` is its descriptor: from now on it is ours as long as the name is this file's. Call it
  /// before the file is locked.
  void made(int file);

 private:
  int place_ = -1;
};

}  // namespace ebb::detail
