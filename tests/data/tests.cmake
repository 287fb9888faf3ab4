ebb_test(data
  SOURCES data/idx_test.cpp data/loader_test.cpp data/mnist_test.cpp
    support/allocations.cpp support/mutate.cpp support/temporary_directory.cpp
  LIBRARIES ebb::data ZLIB::ZLIB)
