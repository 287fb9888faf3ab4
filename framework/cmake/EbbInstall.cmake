# Installs libraries, public headers (include/ebb/<the folders of the source tree>), the CMake package and ebb.pc.
include(CMakePackageConfigHelpers)

set(parts framework optim data models)
if(EBB_BUILD_LAB)
  list(APPEND parts lab)
endif()
list(TRANSFORM parts PREPEND ebb_ OUTPUT_VARIABLE libraries)
install(TARGETS ${libraries} EXPORT ebbTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})

file(STRINGS framework/cmake/private_headers.txt private_headers REGEX "^[^#]")
foreach(part IN LISTS parts)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} ${part}/*.h)
  list(REMOVE_ITEM headers ${private_headers})
  foreach(header IN LISTS headers)
    cmake_path(GET header PARENT_PATH folder)
    install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ebb/${folder})
  endforeach()
endforeach()

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/ebb)
install(EXPORT ebbTargets NAMESPACE ebb:: DESTINATION ${package})
configure_package_config_file(framework/cmake/ebbConfig.cmake.in ${PROJECT_BINARY_DIR}/ebbConfig.cmake
  INSTALL_DESTINATION ${package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/ebbConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/ebbConfig.cmake ${PROJECT_BINARY_DIR}/ebbConfigVersion.cmake
  DESTINATION ${package})

# Static libraries in the order that linkers want: what uses before what is used.
set(pkgconfig_requires "zlib libarchive libcrypto")
if(EBB_PARALLEL STREQUAL "tbb")
  string(APPEND pkgconfig_requires " tbb")
endif()
set(pkgconfig_libraries "")
if(EBB_BUILD_LAB)
  string(APPEND pkgconfig_libraries "-lebb_lab ")
  string(APPEND pkgconfig_requires " tomlplusplus")
endif()
string(APPEND pkgconfig_libraries "-lebb_models -lebb_data -lebb_optim -lebb_framework")
# The prefix seen from the file's own folder, <prefix>/<libdir>/pkgconfig, so that an installation may be moved.
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig
  OUTPUT_VARIABLE pkgconfig_prefix)
configure_file(framework/cmake/ebb.pc.in ${PROJECT_BINARY_DIR}/ebb.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/ebb.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
