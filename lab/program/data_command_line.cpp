#include "lab/program/data_command_line.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "data/published.h"
#include "lab/program/argument_checks.h"
#include "lab/program/guarded.h"

namespace ebb {
namespace {

std::string names() {
  std::string out;
  for (const std::string& name : published_names()) out += (out.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace

DataCommandLine::DataCommandLine(CLI::App& program)
    : data_(program.add_subcommand("data", "Downloads, verifies and shows data sets")),
      fetch_(data_->add_subcommand("fetch", "Downloads a data set by curl and checks its contents")),
      verify_(data_->add_subcommand("verify", "Compares files with what is published, and looks into the images")),
      show_(data_->add_subcommand("show", "Draws images of each class, plain and augmented, as a PNG file")),
      pack_(data_->add_subcommand("pack", "Decodes a folder of pictures once, into a file to train from")),
      unpack_(data_->add_subcommand("unpack", "Writes a data set as a folder of PNG files")) {
  data_->require_subcommand(1);
  fetch_->add_option("dataset", fetching_.set, names())->required();
  fetch_->add_option("--to,--data", fetching_.to,
                     "directory, in which a folder of the set's name is made; default EBB_DATA");
  fetch_->add_option("--from", fetching_.source, "another address to download from, also file:///directory");
  const std::string or_pictures = names() + ", or a folder of pictures, or a packed set";
  verify_->add_option("dataset", verifying_.set, or_pictures)->required();
  verify_->add_option("--data", verifying_.directory, "where its files are; default EBB_DATA");
  show_->add_option("dataset", showing_.set, or_pictures)->required();
  show_->add_option("--data", showing_.directory, "where its files are; default EBB_DATA");
  show_->add_option("--out", showing_.file, "the picture; default SET.png");
  show_->add_flag("--test", showing_.test, "images of the test set");
  show_->add_option("--columns", showing_.columns, "images of each class")
      ->check(whole_number(1, 20))
      ->capture_default_str();
  show_->add_option("--seed", showing_.seed, "chooses images and augmentation")->check(a_seed())->capture_default_str();
  show_->add_option("--set", showing_.settings, "key=value of augmentation, as of `train`; default what suits the set");
  pack_->add_option("folder", packing_.folder, "DIR/CLASS/*.png, or DIR/train/CLASS and DIR/test/CLASS")->required();
  pack_->add_option("--out", packing_.out, "the file, SET.safetensors")->required();
  pack_->add_option("--size", size_, "of all pictures, height x width as 32x48; default the median");
  pack_->add_option("--fit", fit_, "crop, pad or stretch")->capture_default_str();
  pack_->add_flag("--grey", packing_.options.grey, "make all of them grey");
  test_ = pack_->add_option("--test", packing_.options.test, "share of the test set, where the folder has none")
              ->check(a_number())
              ->capture_default_str();
  pack_->add_option("--seed", packing_.options.seed, "chooses the test set")->check(a_seed())->capture_default_str();
  pack_->add_flag("--skip-broken", packing_.options.skip_broken, "leave out files that cannot be read");
  pack_->add_flag("--overwrite", packing_.overwrite, "replace a file that is there");
  unpack_->add_option("dataset", unpacking_.set, names())->required();
  unpack_->add_option("--to", unpacking_.to, "an empty directory, or one that is to be made")->required();
  unpack_->add_option("--data", unpacking_.directory, "where its files are; default EBB_DATA");
}

bool DataCommandLine::chosen() const { return data_->parsed(); }

int DataCommandLine::run() {
  if (fetch_->parsed()) return ebb::run(fetching_, std::cout);
  if (verify_->parsed()) return ebb::run(verifying_, std::cout);
  if (show_->parsed()) return ebb::run(showing_, std::cout);
  if (unpack_->parsed()) return ebb::run(unpacking_, std::cout);
  remedy_for_lack_of_memory("choose a smaller --size, or decode fewer pictures at a time: EBB_THREADS=1");
  if (!size_.empty()) packing_.options.size = picture_size_from(size_, "--size");
  packing_.options.fit = fit_from(fit_, "--fit");
  packing_.test_given = test_->count() > 0;
  return ebb::run(packing_, std::cout);
}

}  // namespace ebb
