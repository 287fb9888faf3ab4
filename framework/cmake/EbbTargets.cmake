# How every target of the project is compiled.
include(GNUInstallDirs)
if(BUILD_SHARED_LIBS)
  set(CMAKE_INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR};$ORIGIN")
endif()

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
  find_package(Protobuf REQUIRED)
  find_package(Eigen3 REQUIRED NO_MODULE)
endif()

set(EBB_WARNINGS -Wall -Wextra -Wconversion -Wshadow)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64|ARM64")
  list(APPEND EBB_WARNINGS -Wno-psabi)  # notes on how compilers before GCC 10 passed pairs
endif()
if(EBB_WERROR)
  list(APPEND EBB_WARNINGS -Werror)
endif()

add_library(ebb_options INTERFACE)
target_compile_features(ebb_options INTERFACE cxx_std_20)
target_compile_options(ebb_options INTERFACE
  ${EBB_WARNINGS}
  -fno-math-errno -fno-trapping-math -ffp-contract=off -fvisibility-inlines-hidden)
# Optimisation without what doubles the compile time of -O3; GCC needs to be told to vectorise loops of any length.
set(EBB_O2 -O2)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND EBB_O2 -fvect-cost-model=dynamic)
endif()
# What is hot stands in kernels, which have options of their own; for the rest -O3 costs build time and gains nothing
# beside its vectorised loops.
set(EBB_OPTIMISED $<CONFIG:Release>)
# A project that has Ebb as a part of its own may have no build type, and no options of optimisation: Ebb's targets, and
# they alone, are optimised all the same.
get_property(multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
if(NOT multi_config AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CXX_FLAGS MATCHES "(^| )-O")
  set(EBB_OPTIMISED 1)
  target_compile_options(ebb_options INTERFACE -DNDEBUG)
  message(NOTICE "Ebb: there is no CMAKE_BUILD_TYPE: Ebb is built optimised, what uses it without optimisation")
endif()
target_compile_options(ebb_options INTERFACE "$<${EBB_OPTIMISED}:${EBB_O2}>")

# For sources whose own speed matters little, to be linked after ebb_options: less optimisation, quicker to build.
add_library(ebb_glue_options INTERFACE)
target_compile_options(ebb_glue_options INTERFACE $<${EBB_OPTIMISED}:-O1>)
if(EBB_NATIVE)
  target_compile_options(ebb_options INTERFACE -march=native)
endif()
# Not in kernels: counters in loops change which sums are fused, and so bits.
if(EBB_COVERAGE)
  target_compile_options(ebb_options INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(ebb_options INTERFACE --coverage)
endif()
if(EBB_SANITIZE)
  # With sanitizers GCC 12 takes the inside of an empty std::optional for an uninitialised variable.
  target_compile_options(ebb_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
    -fsanitize=${EBB_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(ebb_options INTERFACE -fsanitize=${EBB_SANITIZE})
endif()

# oneTBB defines it for who links it; sources that share precompiled headers need the same macros.
if(EBB_PARALLEL STREQUAL "tbb")
  target_compile_definitions(ebb_options INTERFACE $<$<CONFIG:Debug>:TBB_USE_DEBUG>)
endif()

# The standard headers that most sources include: read once for a library they save a third of its compile time.
set(EBB_PRECOMPILED <algorithm> <array> <cmath> <cstdint> <filesystem> <functional> <limits> <map> <memory> <optional>
  <set> <span> <string> <string_view> <utility> <vector>)

# ebb_library(NAME [GLUE] sources...): the library target ebb_NAME with the alias ebb::NAME. GLUE marks libraries that are
# compiled with ebb_glue_options.
function(ebb_library name)
  cmake_parse_arguments(arg "GLUE" "" "" ${ARGN})
  add_library(ebb_${name} ${arg_UNPARSED_ARGUMENTS})
  add_library(ebb::${name} ALIAS ebb_${name})
  set_target_properties(ebb_${name} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON CXX_EXTENSIONS OFF
    DEFINE_SYMBOL "" VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  target_compile_features(ebb_${name} PUBLIC cxx_std_20)
  # Inside, includes are paths from the root of the tree; outside, the same paths behind ebb/.
  target_include_directories(ebb_${name} PRIVATE ${PROJECT_SOURCE_DIR}
    INTERFACE $<BUILD_INTERFACE:${EBB_INCLUDE}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  add_dependencies(ebb_${name} ebb_headers)
  target_link_libraries(ebb_${name} PRIVATE $<BUILD_INTERFACE:ebb_options>)
  set_target_properties(ebb_${name} PROPERTIES UNITY_BUILD ${EBB_UNITY} UNITY_BUILD_BATCH_SIZE 8)
  # In a batch the compiler takes a source's private types for those of a header.
  target_compile_options(ebb_${name} PRIVATE $<$<AND:$<BOOL:${EBB_UNITY}>,$<CXX_COMPILER_ID:GNU>>:-Wno-subobject-linkage>)
  # Precompiled headers suit only sources with the options that they were made with, those of optimisation included: the
  # first library of each kind makes them for the others.
  set(kind hot)
  if(arg_GLUE)
    set(kind glue)
    target_link_libraries(ebb_${name} PRIVATE $<BUILD_INTERFACE:ebb_glue_options>)
  endif()
  get_property(owner GLOBAL PROPERTY EBB_PRECOMPILED_${kind})
  if(owner)
    target_precompile_headers(ebb_${name} REUSE_FROM ${owner})
  else()
    set_property(GLOBAL PROPERTY EBB_PRECOMPILED_${kind} ebb_${name})
    target_precompile_headers(ebb_${name} PRIVATE ${EBB_PRECOMPILED})
  endif()
endfunction()
