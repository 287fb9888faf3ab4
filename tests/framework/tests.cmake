ebb_test(tensor SOURCES framework/tensor/random_test.cpp)
ebb_test(parallel THREADS SOURCES framework/parallel/cpus_test.cpp framework/parallel/parallel_test.cpp)
ebb_test(io SOURCES framework/io/safetensors_test.cpp support/temporary_directory.cpp)
ebb_test(nn
  SOURCES framework/nn/import_torch_test.cpp framework/nn/init_test.cpp framework/nn/layers_test.cpp
    framework/nn/module_test.cpp framework/nn/sequential_test.cpp framework/nn/summary_test.cpp)
ebb_test(steady SOURCES framework/nn/steady_test.cpp LIBRARIES ebb::models ebb::optim)
