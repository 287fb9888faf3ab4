# Builds all of Ebb as shared libraries in a folder of its own, and does with them what own.cmake does.
#   cmake -DBUILD=folder -DTREE=sources -DCXX=compiler -P own_shared.cmake
include(${CMAKE_CURRENT_LIST_DIR}/run_command.cmake)

file(REMOVE_RECURSE ${BUILD})
run(${CMAKE_COMMAND} -S ${TREE} -B ${BUILD} -G Ninja -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_BUILD_TYPE=Release
  -DBUILD_SHARED_LIBS=ON -DEBB_BASELINE_KERNELS=ON -DEBB_BUILD_TESTS=OFF -DEBB_BUILD_EXAMPLES=OFF)
run(${CMAKE_COMMAND} --build ${BUILD})
file(GLOB_RECURSE libraries ${BUILD}/libebb_*.so)
list(LENGTH libraries count)
if(NOT count EQUAL 5)
  message(FATAL_ERROR "five shared libraries are missing: ${libraries}")
endif()
include(${CMAKE_CURRENT_LIST_DIR}/own.cmake)
file(REMOVE_RECURSE ${BUILD})
