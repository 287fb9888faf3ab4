# Installs the build into a folder of its own, moves that folder, builds the user's project against it and runs it.
#   cmake -DBUILD=folder -DSOURCE=tests/install -DWORK=folder -DCXX=compiler -P run.cmake
include(${CMAKE_CURRENT_LIST_DIR}/run_command.cmake)

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/first)
file(RENAME ${WORK}/first ${WORK}/prefix)

foreach(header framework/kernels/simd.h framework/parallel/pool.h)
  if(EXISTS ${WORK}/prefix/include/ebb/${header})
    message(FATAL_ERROR "the private header ${header} was installed")
  endif()
endforeach()

# All of Ebb's names at once leave a program of the documentation its own.
if(EXISTS ${WORK}/prefix/include/ebb/lab)
  file(READ ${SOURCE}/../../examples/own_study.cpp study)
  string(REGEX REPLACE "#include <ebb/[^>]*>" "" study "${study}")
  file(WRITE ${WORK}/study.cpp "#include <ebb/ebb.h>\n${study}\nstd::string percent(double share) { return text(100 * share); }\n"
    "std::string all() { return percent(1); }\n")
  run(${CXX} -std=c++20 -I${WORK}/prefix/include -fsyntax-only ${WORK}/study.cpp)
endif()

run(${CMAKE_COMMAND} -S ${SOURCE} -B ${WORK}/build -G Ninja -DCMAKE_PREFIX_PATH=${WORK}/prefix
  -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_BUILD_TYPE=Release)
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/build/user)
message(STATUS "with find_package(ebb): ${output}")

# The same program by pkg-config, where that is installed.
find_program(pkgconfig pkg-config)
if(pkgconfig)
  file(GLOB_RECURSE pc ${WORK}/prefix/*/ebb.pc)
  cmake_path(GET pc PARENT_PATH folder)
  set(ENV{PKG_CONFIG_PATH} ${folder})
  run(${pkgconfig} --cflags --libs ebb)
  string(STRIP "${output}" flags)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  run(${CXX} -I${SOURCE} ${SOURCE}/main.cpp ${SOURCE}/everything.cpp -o ${WORK}/by_pkgconfig ${flags})
  run(${WORK}/by_pkgconfig)
  message(STATUS "with pkg-config: ${output}")
endif()
file(REMOVE_RECURSE ${WORK})
