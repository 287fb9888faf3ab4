# Configures, and with PROGRAM=ON also builds and runs, a user's project that has Ebb as a part of its own.
# With SHARED=ON the libraries are shared ones, with FETCH=ON the project has Ebb by FetchContent.
#   cmake -DEBB_SOURCE=tree -DWORK=folder -DCXX=compiler -DPROGRAM=OFF -DSHARED=OFF -DFETCH=OFF -P subproject.cmake
include(${CMAKE_CURRENT_LIST_DIR}/run_command.cmake)

# configure(TYPE): with that build type of the parent's.
macro(configure type)
  run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/subproject -B ${WORK} -G Ninja -DCMAKE_CXX_COMPILER=${CXX}
    -DEBB_SOURCE=${EBB_SOURCE} -DEBB_BASELINE_KERNELS=ON -DEBB_BUILD_LAB=OFF -DBUILD_SHARED_LIBS=${SHARED} -DFETCH=${FETCH}
    "-DCMAKE_BUILD_TYPE=${type}")
endmacro()

# A debug build is one.
set(ENV{CXXFLAGS} "")
set(said "Ebb is built optimised")
file(REMOVE_RECURSE ${WORK})
configure(Debug)
file(READ ${WORK}/compile_commands.json commands)
if(output MATCHES "${said}" OR NOT commands MATCHES "ebb_optim[.]dir" OR commands MATCHES "-O[0-9][^\n]*ebb_optim[.]dir")
  message(FATAL_ERROR "optimised beside CMAKE_BUILD_TYPE=Debug:\n${output}")
endif()

# Without a build type Ebb's own sources are optimised, which is said. The parent's see what is public, and are compiled
# with its own options.
configure("")
if(NOT output MATCHES "${said}")
  message(FATAL_ERROR "nothing is said of the missing build type:\n${output}")
endif()
file(READ ${WORK}/compile_commands.json commands)
string(JSON count LENGTH "${commands}")
math(EXPR last "${count} - 1")
set(own 0)
foreach(i RANGE ${last})
  string(JSON command GET "${commands}" ${i} command)
  string(JSON file GET "${commands}" ${i} file)
  if(command MATCHES "-Werror")
    message(FATAL_ERROR "-Werror for ${file}: ${command}")
  endif()
  if(file MATCHES "tests/install/(main|everything)[.]cpp$")
    math(EXPR own "${own} + 1")
    if(NOT command MATCHES "-I${WORK}/[^ ]*include" OR command MATCHES "-W|-O|-I${EBB_SOURCE} |-march|-fno-")
      message(FATAL_ERROR "options of Ebb for ${file}: ${command}")
    endif()
  elseif(NOT command MATCHES " -O[123] ")
    message(FATAL_ERROR "not optimised, ${file}: ${command}")
  endif()
endforeach()
if(NOT own EQUAL 2)
  message(FATAL_ERROR "${own} sources of the user's among ${count}")
endif()

if(PROGRAM)
  run(${CMAKE_COMMAND} --build ${WORK} --target user)
  run(${WORK}/user)
  file(GLOB_RECURSE shared ${WORK}/*.so)
  list(LENGTH shared count)
  if((SHARED AND count LESS 4) OR (NOT SHARED AND count GREATER 0))
    message(FATAL_ERROR "SHARED is ${SHARED}, but the shared libraries are: ${shared}")
  endif()
  message(STATUS "as a part of another project: ${output}")
endif()
file(REMOVE_RECURSE ${WORK})
