ebb_test(data
  SOURCES data/augment_test.cpp data/cifar_test.cpp data/csv_test.cpp data/damage_test.cpp data/idx_test.cpp data/loader_test.cpp
    data/mixing_test.cpp data/mnist_test.cpp data/npz_test.cpp data/pixel_statistics_test.cpp data/published_test.cpp data/split_test.cpp
    support/allocations.cpp support/mutate.cpp support/temporary_directory.cpp
  LIBRARIES ebb::data ZLIB::ZLIB)
ebb_test(prefetch THREADS SOURCES data/prefetch_test.cpp LIBRARIES ebb::data)
ebb_test(pictures
  SOURCES data/packed_set_test.cpp data/picture_folder_test.cpp data/picture_reading_test.cpp data/picture_set_test.cpp data/pictures_test.cpp support/allocations.cpp support/mutate.cpp support/temporary_directory.cpp
  LIBRARIES ebb::data ZLIB::ZLIB)
