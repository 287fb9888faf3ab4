# Sanitized libraries need a sanitized user: these tests are about what is installed, so they run without.
if(NOT EBB_SANITIZE AND NOT EBB_COVERAGE)
  add_test(NAME install.user_program COMMAND ${CMAKE_COMMAND} -DBUILD=${PROJECT_BINARY_DIR}
    -DSOURCE=${PROJECT_SOURCE_DIR}/tests/install -DWORK=${PROJECT_BINARY_DIR}/tests/install_trial
    -DCXX=${CMAKE_CXX_COMPILER} -P ${PROJECT_SOURCE_DIR}/tests/install/run.cmake)
  set_tests_properties(install.user_program PROPERTIES LABELS fast TIMEOUT 600)
  # One of everything in a program outside of the tree: layer, op, decay, optimizer, schedule, data set, model, keys.
  if(EBB_BUILD_LAB)
    add_test(NAME install.own_things COMMAND ${CMAKE_COMMAND} -DBUILD=${PROJECT_BINARY_DIR} -DTREE=${PROJECT_SOURCE_DIR}
      -DCXX=${CMAKE_CXX_COMPILER} -P ${PROJECT_SOURCE_DIR}/tests/install/own.cmake)
    set_tests_properties(install.own_things PROPERTIES LABELS slow TIMEOUT 1200)
    add_test(NAME install.own_things_shared COMMAND ${CMAKE_COMMAND} -DBUILD=${PROJECT_BINARY_DIR}/tests/shared_trial
      -DTREE=${PROJECT_SOURCE_DIR} -DCXX=${CMAKE_CXX_COMPILER}
      -P ${PROJECT_SOURCE_DIR}/tests/install/own_shared.cmake)
    set_tests_properties(install.own_things_shared PROPERTIES LABELS slow TIMEOUT 3600)
  endif()
  # Ebb as a part of another project: configured, built, and built as shared libraries.
  function(ebb_subproject name label program shared fetch)
    add_test(NAME install.${name} COMMAND ${CMAKE_COMMAND} -DEBB_SOURCE=${PROJECT_SOURCE_DIR}
      -DWORK=${PROJECT_BINARY_DIR}/tests/install.${name} -DCXX=${CMAKE_CXX_COMPILER} -DPROGRAM=${program}
      -DSHARED=${shared} -DFETCH=${fetch} -P ${PROJECT_SOURCE_DIR}/tests/install/subproject.cmake)
    set_tests_properties(install.${name} PROPERTIES LABELS ${label} TIMEOUT 3600)
  endfunction()
  add_test(NAME install.refused_machines COMMAND ${CMAKE_COMMAND} -DEBB_SOURCE=${PROJECT_SOURCE_DIR}
    -DWORK=${PROJECT_BINARY_DIR}/tests/install.refused -DCXX=${CMAKE_CXX_COMPILER}
    -P ${PROJECT_SOURCE_DIR}/tests/install/refused.cmake)
  set_tests_properties(install.refused_machines PROPERTIES LABELS fast TIMEOUT 300)
  ebb_subproject(subproject fast OFF OFF OFF)
  ebb_subproject(fetched slow ON OFF ON)
  ebb_subproject(shared_libraries slow ON ON OFF)
  add_test(NAME install.headers COMMAND ${Python3_EXECUTABLE} -B ${PROJECT_SOURCE_DIR}/tests/install/headers.py
    ${CMAKE_CXX_COMPILER})
  set_tests_properties(install.headers PROPERTIES LABELS slow TIMEOUT 3600)
endif()
