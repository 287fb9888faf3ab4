# Configures, and with PROGRAM=ON also builds and runs, a user's project that has Ebb as a part of its own.
# With SHARED=ON the libraries are shared ones.
#   cmake -DEBB_SOURCE=tree -DWORK=folder -DCXX=compiler -DPROGRAM=OFF -DSHARED=OFF -P subproject.cmake
include(${CMAKE_CURRENT_LIST_DIR}/run_command.cmake)

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/subproject -B ${WORK} -G Ninja -DCMAKE_CXX_COMPILER=${CXX}
  -DEBB_SOURCE=${EBB_SOURCE} -DEBB_BASELINE_KERNELS=ON -DEBB_BUILD_LAB=OFF -DBUILD_SHARED_LIBS=${SHARED})

# The parent's sources see what is public, and are compiled with its own options.
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
    if(NOT command MATCHES "-I${WORK}/ebb/include" OR command MATCHES "-W|-O|-I${EBB_SOURCE} |-march|-fno-")
      message(FATAL_ERROR "options of Ebb for ${file}: ${command}")
    endif()
  endif()
endforeach()
if(NOT own EQUAL 2)
  message(FATAL_ERROR "${own} sources of the user's among ${count}")
endif()

if(PROGRAM)
  run(${CMAKE_COMMAND} --build ${WORK} --target user)
  run(${WORK}/user)
  file(GLOB_RECURSE shared ${WORK}/ebb/*.so)
  list(LENGTH shared count)
  if((SHARED AND count LESS 4) OR (NOT SHARED AND count GREATER 0))
    message(FATAL_ERROR "SHARED is ${SHARED}, but the shared libraries are: ${shared}")
  endif()
  message(STATUS "as a part of another project: ${output}")
endif()
file(REMOVE_RECURSE ${WORK})
