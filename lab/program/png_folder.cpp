#include "lab/program/png_folder.h"

#include <utility>

#include "framework/io/atomic_file.h"
#include "framework/tensor/error.h"
#include "lab/format/png.h"
#include "lab/program/destination.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

// A name that is a file's on any system.
std::string file_name_of(std::string text) {
  for (char& c : text)
    if (c == '/' || c == '\\' || static_cast<unsigned char>(c) < ' ' || c == 127) c = '_';
  return text;
}

}  // namespace

PngFolder::PngFolder(fs::path path, bool overwrite, const std::vector<std::string>& read)
    : path_(std::move(path)), overwrite_(overwrite), read_(read.begin(), read.end()) {
  std::error_code error;
  const fs::file_status status = fs::status(path_, error);
  if (fs::exists(status) && !fs::is_directory(status))
    fail(path_.string(), "a file", "a directory for the pictures", "name another one with --out");
  require_place(path_, "name another one with --out");
}

std::string PngFolder::name_for(const std::string& stem, const std::string& kind) {
  std::string name = file_name_of(stem + '-' + kind + ".png");
  for (int number = 2; !names_.insert(name).second; ++number)
    name = file_name_of(text(stem, '-', number, '-', kind, ".png"));
  const fs::path file = path_ / name;
  std::error_code error;
  const fs::file_status status = fs::symlink_status(file, error);
  if (fs::is_symlink(status)) fail(file.string(), "a symbolic link", "a file, or a name that is free");
  if (fs::exists(status)) require_destination(file.string(), {.inputs = read_, .overwrite = overwrite_});
  return name;
}

std::string PngFolder::write(const std::string& name, const Tensor& pixels) {
  if (!directory_) {
    make_directories(path_, "name another one with --out");
    directory_.emplace(path_);
  }
  const std::vector<std::byte> bytes = png(pixels);
  // A file of this name may have come since it was looked for, as of another such command.
  if (!overwrite_) write_file(path_ / name, bytes, Existing::refuse);
  else write_file(*directory_, name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, Sync::no);
  return (path_ / name).string();
}

std::string stem_of(const std::string& path) {
  if (path == "-") return "standard-input";
  std::error_code error;
  const bool directory = fs::is_directory(path, error);
  fs::path place = fs::absolute(path, error).lexically_normal();
  if (place.filename().empty()) place = place.parent_path();
  return (directory ? place.filename() : place.stem()).string().substr(0, 100);
}

}  // namespace ebb
