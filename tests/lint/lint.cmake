# The lints are tests of their own: label lint. Each also proves itself on planted violations (--self-test).

# ebb_lint(NAME script.py [arguments...]): the tests lint.NAME and lint.NAME.self_test.
function(ebb_lint name script)
  set(run ${Python3_EXECUTABLE} -B ${PROJECT_SOURCE_DIR}/tests/lint/${script})
  add_test(NAME lint.${name} COMMAND ${run} ${ARGN})
  add_test(NAME lint.${name}.self_test COMMAND ${run} --self-test)
  set_tests_properties(lint.${name} lint.${name}.self_test PROPERTIES LABELS lint TIMEOUT 300 SKIP_RETURN_CODE 77)
endfunction()

ebb_lint(includes check_includes.py)
ebb_lint(format check_format.py)
ebb_lint(lengths check_lengths.py)
ebb_lint(text check_text.py)
ebb_lint(sources check_sources.py)
ebb_lint(documentation check_documentation.py)
ebb_lint(floor check_floor.py ${EBB_TEST_LISTS})
add_test(NAME lint.packages COMMAND ${Python3_EXECUTABLE} -B ${PROJECT_SOURCE_DIR}/tests/lint/check_packages.py)
add_test(NAME lint.planted COMMAND ${Python3_EXECUTABLE} -B ${PROJECT_SOURCE_DIR}/tests/planted/planted.py --check)
add_test(NAME lint.planted_in_studies COMMAND ${Python3_EXECUTABLE} -B
  ${PROJECT_SOURCE_DIR}/tests/planted/planted.py --check --list study_faults.txt)
add_test(NAME lint.planted_in_the_laboratory COMMAND ${Python3_EXECUTABLE} -B
  ${PROJECT_SOURCE_DIR}/tests/planted/planted.py --check --list laboratory_faults.txt)
add_test(NAME lint.planted_in_shards COMMAND ${Python3_EXECUTABLE} -B
  ${PROJECT_SOURCE_DIR}/tests/planted/planted.py --check --list shard_faults.txt)
set_tests_properties(lint.planted lint.planted_in_studies lint.planted_in_the_laboratory lint.planted_in_shards PROPERTIES LABELS lint TIMEOUT 300)
set_tests_properties(lint.packages PROPERTIES LABELS lint TIMEOUT 300)
foreach(script gradient_table docs_code figures library_table paths report_names study_commits)
  if(EXISTS ${PROJECT_SOURCE_DIR}/tests/lint/check_${script}.py)
    ebb_lint(${script} check_${script}.py)
  endif()
endforeach()

# Sanitizers add symbols of their own to every object.
if(NOT EBB_SANITIZE)
  foreach(arch sse2 avx2 avx512 neon generic)
    if(TARGET ebb_kernels_${arch})
      add_test(NAME lint.kernel_objects.${arch} COMMAND ${Python3_EXECUTABLE} -B
        ${PROJECT_SOURCE_DIR}/tests/lint/check_kernel_objects.py ${arch}
        $<FILTER:$<TARGET_OBJECTS:ebb_kernels_${arch}>,EXCLUDE,[.][gp]ch$>
        COMMAND_EXPAND_LISTS)
      set_tests_properties(lint.kernel_objects.${arch} PROPERTIES LABELS lint TIMEOUT 300
        ENVIRONMENT OBJDUMP=${CMAKE_OBJDUMP})
    endif()
  endforeach()
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    add_test(NAME lint.kernel_objects.self_test COMMAND ${Python3_EXECUTABLE} -B
      ${PROJECT_SOURCE_DIR}/tests/lint/check_kernel_objects.py --self-test)
    set_tests_properties(lint.kernel_objects.self_test PROPERTIES LABELS lint TIMEOUT 300)
  endif()
endif()
