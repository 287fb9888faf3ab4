# Installs the program (component program), and libraries, public headers (include/ebb/<the folders of the source tree>),
# the CMake package and ebb.pc (component development).
include(CMakePackageConfigHelpers)

set(parts framework optim data models)
if(EBB_BUILD_LAB)
  list(APPEND parts lab)
endif()
list(TRANSFORM parts PREPEND ebb_ OUTPUT_VARIABLE libraries)
install(TARGETS ${libraries} EXPORT ebbTargets ARCHIVE COMPONENT development
  LIBRARY COMPONENT program NAMELINK_COMPONENT development)
if(EBB_BUILD_LAB)
  install(TARGETS ebb COMPONENT program)
endif()

install(DIRECTORY ${EBB_INCLUDE}/ebb DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)

# Where programs of others find the modules for MPI.
target_link_options(ebb_framework INTERFACE $<INSTALL_INTERFACE:-Wl,-rpath,$<INSTALL_PREFIX>/${CMAKE_INSTALL_LIBDIR}/ebb>)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/ebb)
install(EXPORT ebbTargets NAMESPACE ebb:: DESTINATION ${package} COMPONENT development)
configure_package_config_file(framework/cmake/ebbConfig.cmake.in ${PROJECT_BINARY_DIR}/ebbConfig.cmake
  INSTALL_DESTINATION ${package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/ebbConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/ebbConfig.cmake ${PROJECT_BINARY_DIR}/ebbConfigVersion.cmake
  DESTINATION ${package} COMPONENT development)

# Static libraries in the order that linkers want: what uses before what is used.
set(pkgconfig_requires "zlib libarchive libcrypto")
if(EBB_PARALLEL STREQUAL "tbb")
  string(APPEND pkgconfig_requires " tbb")
endif()
set(pkgconfig_libraries "")
if(EBB_BUILD_LAB)
  string(APPEND pkgconfig_libraries "-lebb_lab ")
  string(APPEND pkgconfig_requires " tomlplusplus protobuf-lite")
endif()
string(APPEND pkgconfig_libraries "-lebb_models -lebb_data -lebb_optim -lebb_framework")
# The prefix seen from the file's own folder, <prefix>/<libdir>/pkgconfig, so that an installation may be moved.
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig
  OUTPUT_VARIABLE pkgconfig_prefix)
configure_file(framework/cmake/ebb.pc.in ${PROJECT_BINARY_DIR}/ebb.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/ebb.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
