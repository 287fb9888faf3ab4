# How every target of the project is compiled.
include(GNUInstallDirs)

# Found once, here: the targets are then known in every folder, as linking with static libraries needs.
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
if(EBB_PARALLEL STREQUAL "tbb")
  find_package(TBB REQUIRED)
endif()
if(EBB_BUILD_LAB)
  find_package(CLI11 REQUIRED)
  find_package(tomlplusplus REQUIRED)
endif()

add_library(ebb_options INTERFACE)
target_compile_features(ebb_options INTERFACE cxx_std_20)
target_compile_options(ebb_options INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Werror
  -fno-math-errno -fno-trapping-math -ffp-contract=off -fvisibility-inlines-hidden)
# What is hot stands in kernels, which have options of their own; for the rest -O3 costs build time and gains nothing
# beside its vectorised loops.
target_compile_options(ebb_options INTERFACE "$<$<CONFIG:Release>:-O2;-fvect-cost-model=dynamic>")

# For sources whose own speed matters little, to be linked after ebb_options: less optimisation, quicker to build.
add_library(ebb_glue_options INTERFACE)
target_compile_options(ebb_glue_options INTERFACE $<$<CONFIG:Release>:-O1>)
add_library(ebb_once_options INTERFACE)
target_compile_options(ebb_once_options INTERFACE $<$<CONFIG:Release>:-O0>)
if(EBB_NATIVE)
  target_compile_options(ebb_options INTERFACE -march=native)
endif()
if(EBB_SANITIZE)
  # With sanitizers GCC 12 takes the inside of an empty std::optional for an uninitialised variable.
  target_compile_options(ebb_options INTERFACE -Wno-maybe-uninitialized
    -fsanitize=${EBB_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(ebb_options INTERFACE -fsanitize=${EBB_SANITIZE})
endif()

# The standard headers that most sources include: read once for a library they save a third of its compile time.
set(EBB_PRECOMPILED <algorithm> <array> <cmath> <cstdint> <filesystem> <functional> <limits> <map> <memory> <optional>
  <set> <span> <string> <string_view> <utility> <vector>)

# ebb_library(NAME sources...): the library target ebb_NAME with the alias ebb::NAME.
function(ebb_library name)
  add_library(ebb_${name} STATIC ${ARGN})
  add_library(ebb::${name} ALIAS ebb_${name})
  set_target_properties(ebb_${name} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON CXX_EXTENSIONS OFF)
  target_compile_features(ebb_${name} PUBLIC cxx_std_20)
  target_include_directories(ebb_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/ebb>)
  target_link_libraries(ebb_${name} PRIVATE $<BUILD_INTERFACE:ebb_options>)
  set_target_properties(ebb_${name} PROPERTIES UNITY_BUILD ${EBB_UNITY} UNITY_BUILD_BATCH_SIZE 8)
  # In a batch the compiler takes a source's private types for those of a header.
  target_compile_options(ebb_${name} PRIVATE $<$<BOOL:${EBB_UNITY}>:-Wno-subobject-linkage>)
  if(name STREQUAL "framework")
    target_precompile_headers(ebb_${name} PRIVATE ${EBB_PRECOMPILED})
  else()
    target_precompile_headers(ebb_${name} REUSE_FROM ebb_framework)
  endif()
endfunction()
