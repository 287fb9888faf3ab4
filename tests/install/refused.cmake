# Machines that Ebb does not run on are refused with a sentence: 32-bit and big-endian ones.
#   cmake -DEBB_SOURCE=tree -DWORK=folder -DCXX=compiler -P refused.cmake
set(ENV{CXXFLAGS} "")
set(ENV{CMAKE_CXX_COMPILER_LAUNCHER} "")
set(sentence "Ebb runs on 64-bit little-endian machines such as x86-64 and ARM64; this compiler makes programs for [^ ]+ with")

# refused(WANTED OPTIONS...): the configuration with these options says what is wanted.
function(refused wanted)
  file(REMOVE_RECURSE ${WORK})
  execute_process(
    COMMAND ${CMAKE_COMMAND} -S ${EBB_SOURCE} -B ${WORK} -G Ninja -DCMAKE_CXX_COMPILER=${CXX}
      -DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY ${ARGN}  # there are no libraries of such machines to link with
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  string(REGEX REPLACE "[ \n]+" " " output "${output}")
  if(result EQUAL 0 OR NOT output MATCHES "${sentence} ${wanted}[.] Choose another compiler or machine[.]")
    message(FATAL_ERROR "with ${ARGN}, status ${result}; wanted is a refusal that names ${wanted}:\n${output}")
  endif()
endfunction()

execute_process(COMMAND ${CXX} -dumpmachine OUTPUT_VARIABLE machine)
if(machine MATCHES "x86_64")
  refused("32 bits, LITTLE_ENDIAN" -DCMAKE_CXX_FLAGS=-m32)
  # No compiler for x86 makes anything else: CMake is told that it found another order.
  file(WRITE ${WORK}.order.cmake "set(CMAKE_CXX_BYTE_ORDER BIG_ENDIAN)\n")
  refused("64 bits, BIG_ENDIAN" -DCMAKE_PROJECT_ebb_INCLUDE=${WORK}.order.cmake)
  file(REMOVE ${WORK}.order.cmake)
elseif(machine MATCHES "aarch64")
  refused("32 bits, LITTLE_ENDIAN" -DCMAKE_CXX_FLAGS=-mabi=ilp32)
  refused("64 bits, BIG_ENDIAN" -DCMAKE_CXX_FLAGS=-mbig-endian)
else()
  message(FATAL_ERROR "no options are known that make ${CXX}, for ${machine}, compile for another machine")
endif()
file(REMOVE_RECURSE ${WORK})
