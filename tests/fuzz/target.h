// Fuzz targets: what is done to any bytes whatever, inputs to begin with, and changes that know the format.
// libfuzzer.cpp makes a program of each for clang's libFuzzer; replay_test.cpp runs seeds, findings and some random
// inputs in all builds.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/mutate.h"

namespace ebb::fuzz {

using test::Bytes;
using test::Dice;

// A promise that an input has broken. Whatever else escapes from a target but this is a finding too.
struct Violation : std::logic_error {
  using std::logic_error::logic_error;
};

// Throws a Violation unless the promise holds.
void require(bool holds, std::string_view promise);

// What became of an input: refused by an Error, or read, with all promises kept.
enum class Verdict : std::uint8_t { refused, read };

// Changes bytes that have no structure.
using Blindly = std::function<void(Bytes&)>;

struct Target {
  const char* name;
  Verdict (*run)(const Bytes& input);
  std::vector<Bytes> (*seeds)();  // all of which are read
  // One change that keeps lengths, checksums and the like right; `blindly` may be called for any part.
  void (*mutate)(Bytes& input, Dice& dice, const Blindly& blindly);
};

extern const Target safetensors, import_torch, checkpoint, recipe, selector, idx, archive, cifar, csv, run_log,
    evaluation, changes, diagnosis, trial, audits, picture, picture_set, npz;

// `read` as a target's run(): an Error is a refusal.
Verdict attempt(const std::function<void()>& read);

// A change of text as a target's mutate(): one of its words, lines or characters, or blindly.
void mutate_text(Bytes& input, Dice& dice, const Blindly& blindly, std::span<const char* const> words);

}  // namespace ebb::fuzz
