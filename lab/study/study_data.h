/// \file
/// Data for studies.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "lab/study/choice.h"

namespace ebb {

/// Data sets by name: 5,000 images to train with, 2,000 to choose by, both from the training set and the same ones in
/// every trial, and the whole test set. All are standardised by the 5,000. Sets are read when they are asked for;
/// smaller ones than that give a fifth of their training set to choose by, and the rest to train with.
class StudyData {
 public:
  /// \param directory looked into first, as of `ebb train --data`; then EBB_DATA, and where packages put them.
  /// \param names the sets that may be asked for.
  explicit StudyData(std::filesystem::path directory = {}, std::vector<std::string> names = {});
  StudyData(const StudyData&) = delete;
  StudyData& operator=(const StudyData&) = delete;

  /// Where files of the sets were looked for without success, and how to get them; empty when all are there.
  std::string missing() const;

  /// \throws Error for a name that was not given above, and where files are missing or damaged.
  std::shared_ptr<const ImageDataset> train(const std::string& name) const;
  ValidationSet validation(const std::string& name) const;  ///< As above.

  /// A share of the training images, of each class as much; others for another seed. Standardised as all are.
  /// \throws Error as above, and unless the share lies between 0 and 1 and leaves some.
  ImageDataset few(const std::string& name, double share, std::uint64_t seed) const;
  TestSet test(const std::string& name) const;  ///< As above.

  /// Of each set the name and the checksums of its three parts, on one line; empty without sets. \throws Error as
  /// above.
  std::string checksums() const;

  const std::vector<std::string>& names() const { return names_; }  ///< As given.

 private:
  struct Parts {
    std::shared_ptr<const ImageDataset> train, validation, test;
  };
  const Parts& parts(const std::string& name) const;
  std::filesystem::path place_of(const std::string& name) const;

  std::filesystem::path directory_;
  std::vector<std::string> names_;
  mutable std::mutex reading_;
  mutable std::map<std::string, Parts> read_;
};

}  // namespace ebb
