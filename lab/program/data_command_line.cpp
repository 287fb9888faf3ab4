#include "lab/program/data_command_line.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "data/published.h"

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
      show_(data_->add_subcommand("show", "Draws images of each class, plain and augmented, as a PNG file")) {
  data_->require_subcommand(1);
  fetch_->add_option("dataset", fetching_.set, names())->required();
  fetch_->add_option("--to,--data", fetching_.to,
                     "directory, in which a folder of the set's name is made; default EBB_DATA");
  fetch_->add_option("--from", fetching_.source, "another address to download from, also file:///directory");
  verify_->add_option("dataset", verifying_.set, names())->required();
  verify_->add_option("--data", verifying_.directory, "where its files are; default EBB_DATA");
  show_->add_option("dataset", showing_.set, names())->required();
  show_->add_option("--data", showing_.directory, "where its files are; default EBB_DATA");
  show_->add_option("--out", showing_.file, "the picture; default SET.png");
  show_->add_flag("--test", showing_.test, "images of the test half");
  show_->add_option("--columns", showing_.columns, "images of each class")->capture_default_str();
  show_->add_option("--seed", showing_.seed, "chooses images and augmentation")->capture_default_str();
  show_->add_option("--set", showing_.settings, "key=value of augmentation, as of `train`; default what suits the set");
}

bool DataCommandLine::chosen() const { return data_->parsed(); }

int DataCommandLine::run() const {
  if (fetch_->parsed()) return ebb::run(fetching_, std::cout);
  if (verify_->parsed()) return ebb::run(verifying_, std::cout);
  return ebb::run(showing_, std::cout);
}

}  // namespace ebb
