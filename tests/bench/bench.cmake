find_package(CLI11 REQUIRED)
add_executable(ebb-bench
  bench/ebb_bench.cpp bench/layer_rows.cpp bench/loader_rows.cpp bench/scaling.cpp bench/start.cpp bench/work.cpp)
set_target_properties(ebb-bench PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR} CXX_EXTENSIONS OFF)
target_link_libraries(ebb-bench PRIVATE ebb_options ebb::data ebb::models ebb::optim CLI11::CLI11)
add_executable(optimizer_step bench/optimizer_step.cpp)
set_target_properties(optimizer_step PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR} CXX_EXTENSIONS OFF)
target_link_libraries(optimizer_step PRIVATE ebb_options ebb::optim)
