find_package(CLI11 REQUIRED)
add_executable(ebb-bench
  bench/ebb_bench.cpp bench/layer_rows.cpp bench/loader_rows.cpp bench/norm_rows.cpp bench/profile.cpp
  bench/scaling.cpp bench/start.cpp bench/work.cpp)
set_target_properties(ebb-bench PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR} CXX_EXTENSIONS OFF)
target_include_directories(ebb-bench PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(ebb-bench PRIVATE ebb_options ebb::data ebb::models ebb::optim CLI11::CLI11)
add_executable(optimizer_step bench/optimizer_step.cpp)
set_target_properties(optimizer_step PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR} CXX_EXTENSIONS OFF)
target_include_directories(optimizer_step PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(optimizer_step PRIVATE ebb_options ebb::optim)

# oneDNN's batch norm, beside ours. Its package's configuration asks for OpenCL, which nothing here needs.
find_library(EBB_ONEDNN dnnl)
find_path(EBB_ONEDNN_HEADERS oneapi/dnnl/dnnl.hpp)
mark_as_advanced(EBB_ONEDNN EBB_ONEDNN_HEADERS)
if(EBB_ONEDNN AND EBB_ONEDNN_HEADERS)
  add_executable(onednn_norm bench/onednn_norm.cpp)
  set_target_properties(onednn_norm PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR} CXX_EXTENSIONS OFF)
  target_include_directories(onednn_norm SYSTEM PRIVATE ${EBB_ONEDNN_HEADERS})
  target_link_libraries(onednn_norm PRIVATE ebb_options ${EBB_ONEDNN})
endif()
