ebb_test(tensor
  SOURCES framework/tensor/error_test.cpp framework/tensor/memory_test.cpp framework/tensor/random_test.cpp
    framework/tensor/shape_test.cpp framework/tensor/tensor_test.cpp support/temporary_directory.cpp)
# With pages of 64 KiB, as machines with ARM64 may have.
if(EBB_POOL AND NOT EBB_SANITIZE)
  add_library(ebb_large_pages MODULE support/large_pages.cpp)
  target_link_libraries(ebb_large_pages PRIVATE ebb_options ${CMAKE_DL_LIBS})
  add_dependencies(test_tensor ebb_large_pages)
  add_test(NAME tensor.large_pages COMMAND test_tensor --run_test=memory_pool --color_output=no)
  set_tests_properties(tensor.large_pages PROPERTIES LABELS fast TIMEOUT 300
    ENVIRONMENT LD_PRELOAD=$<TARGET_FILE:ebb_large_pages>)
endif()
ebb_test(compute SOURCES framework/compute/basic_test.cpp framework/compute/convolution_plan_test.cpp
  framework/compute/kept_weights_test.cpp)
ebb_test(parallel THREADS
  SOURCES framework/parallel/communication_thread_test.cpp framework/parallel/cpus_test.cpp
    framework/parallel/parallel_test.cpp framework/parallel/shard_tree_test.cpp
    framework/parallel/team_test.cpp support/ranks.cpp)
ebb_test(autograd
  SOURCES framework/autograd/gradcheck_test.cpp framework/autograd/graph_test.cpp framework/autograd/notes_test.cpp
    framework/autograd/tape_errors_test.cpp framework/autograd/tape_test.cpp)
ebb_test(ops
  SOURCES framework/ops/activation_test.cpp framework/ops/arithmetic_test.cpp framework/ops/embedding_test.cpp
    framework/ops/hostile_sizes_test.cpp framework/ops/penalty_test.cpp framework/ops/reduction_test.cpp framework/ops/shape_test.cpp
    framework/kernels/elementwise_test.cpp)
ebb_test(gradients
  SOURCES framework/ops/gradient_table_test.cpp framework/ops/gradient_rows_elementwise.cpp
    framework/ops/gradient_rows_layers.cpp framework/ops/gradient_rows_statistics.cpp
    framework/ops/gradient_rows_structure.cpp)
ebb_test(normalization
  SOURCES framework/ops/batch_norm_fed_test.cpp framework/ops/batch_norm_parts_test.cpp framework/ops/batch_norm_test.cpp
    framework/ops/group_norm_test.cpp support/ranks.cpp
    framework/ops/layer_norm_test.cpp framework/ops/recompute_test.cpp framework/kernels/normalization_test.cpp)
ebb_test(losses
  SOURCES framework/kernels/dropout_test.cpp framework/ops/dropout_test.cpp framework/ops/loss_options_test.cpp
    framework/ops/loss_test.cpp framework/ops/pooling_test.cpp framework/ops/softmax_test.cpp)
ebb_test(io
  SOURCES framework/io/atomic_file_test.cpp framework/io/checksum_test.cpp framework/io/directory_test.cpp
    framework/io/json_nesting_test.cpp framework/io/safetensors_damage_test.cpp
    framework/io/safetensors_test.cpp support/allocations.cpp support/failing_calls.cpp support/mutate.cpp
    support/temporary_directory.cpp
  LIBRARIES nlohmann_json::nlohmann_json)
ebb_test(nn
  SOURCES framework/nn/attention_test.cpp framework/nn/hessian_test.cpp framework/nn/import_torch_test.cpp
    framework/nn/init_test.cpp framework/nn/layers_test.cpp framework/nn/module_test.cpp framework/nn/sequential_test.cpp
    framework/nn/standardized_conv2d_test.cpp framework/nn/summary_test.cpp framework/nn/update_batch_norm_test.cpp)
ebb_test(steady SOURCES framework/nn/steady_test.cpp LIBRARIES ebb::models ebb::optim)
ebb_test(convolution THREADS
  SOURCES framework/kernels/convolution_test.cpp framework/kernels/gemm_test.cpp framework/ops/convolution_test.cpp
    framework/ops/matmul_test.cpp)
ebb_test(determinism SOURCES framework/determinism_test.cpp LIBRARIES ebb::models ebb::optim)
ebb_test(winograd THREADS SOURCES framework/kernels/winograd_test.cpp)
