/// \file
/// CIFAR-10 and CIFAR-100: 32 x 32 colour images, 50,000 to train with and 10,000 to test with.
#pragma once

#include <filesystem>
#include <optional>

#include "data/image_dataset.h"
#include "framework/io/byte_source.h"

namespace ebb {

/// How CIFAR is read.
struct CifarOptions {
  std::optional<PixelStatistics> statistics = {};  ///< Instead of the published ones; see fit_statistics().
  bool any_count = false;  ///< Take files with any number of images, at least 1, as subsets of one's own have.
};

/// Small photographs in ten classes (A. Krizhevsky 2009), from the binary version: the files data_batch_1.bin ..
/// data_batch_5.bin or test_batch.bin, in the directory, its folder "cifar-10" or a folder "cifar-10-batches-bin" in
/// either, or in the archive cifar-10-binary.tar.gz there. Standardised by the means 0.4914, 0.4822, 0.4465 and the
/// deviations 0.2470, 0.2435, 0.2616 of the training set unless the options say otherwise.
class Cifar10 : public ImageDataset {
 public:
  /// \param directory as above; empty: EBB_DATA.
  /// \throws Error naming the places looked at and how to get the data, or the file and what is wrong with it.
  explicit Cifar10(const std::filesystem::path& directory = {}, Split split = Split::train,
                   const CifarOptions& options = {});
};

/// Which of its two labels an image of CIFAR-100 has.
enum class CifarLabels : std::uint8_t {
  fine,    ///< 100 classes.
  coarse,  ///< 20 superclasses of five classes each.
};

/// Small photographs in 100 classes (A. Krizhevsky 2009), from train.bin or test.bin, in the directory, its folder
/// "cifar-100" or a folder "cifar-100-binary" in either, or in the archive cifar-100-binary.tar.gz there. Standardised
/// by 0.5071, 0.4865, 0.4409 and 0.2673, 0.2564, 0.2762 unless the options say otherwise.
class Cifar100 : public ImageDataset {
 public:
  /// \param directory as above; empty: EBB_DATA.
  /// \throws Error as Cifar10 does.
  explicit Cifar100(const std::filesystem::path& directory = {}, Split split = Split::train,
                    CifarLabels labels = CifarLabels::fine, const CifarOptions& options = {});
};

/// The kinds of records in files of CIFAR. A record is one label byte (CIFAR-100: the coarse, then the fine label), and
/// 1,024 bytes each of red, green and blue, row by row from the top left.
enum class CifarFormat : std::uint8_t {
  cifar10,          ///< 3,073 bytes, labels below 10.
  cifar100_fine,    ///< 3,074 bytes; the fine labels, below 100.
  cifar100_coarse,  ///< 3,074 bytes; the coarse labels, below 20.
};

/// What a file of CIFAR holds.
struct CifarRecords {
  Tensor pixels;  ///< u8 `[n, 32, 32, 3]`.
  Tensor labels;  ///< u8 `[n]`.
};

/// Reads one file of `size` bytes.
/// \throws Error naming the source when it is empty, ends in the middle of a record, has more than `size` bytes or more
/// than 10,000,000 records, or when a label (of CIFAR-100: either one) is out of range.
CifarRecords read_cifar(ByteSource& source, std::uint64_t size, CifarFormat format);

/// Reads the files of one split, in their order, from an archive as it is published: tar in gzip.
/// \param any_count as in CifarOptions.
/// \throws Error naming the source when a file is missing, there twice, or not as read_cifar() demands, or when the
/// archive is damaged anywhere.
CifarRecords read_cifar_archive(ByteSource& archive, Split split, CifarFormat format, bool any_count = false);

}  // namespace ebb
