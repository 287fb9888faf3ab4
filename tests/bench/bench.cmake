find_package(CLI11 REQUIRED)
add_executable(ebb-bench bench/ebb_bench.cpp)
set_target_properties(ebb-bench PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR} CXX_EXTENSIONS OFF)
target_link_libraries(ebb-bench PRIVATE ebb_options ebb::models ebb::optim CLI11::CLI11)
