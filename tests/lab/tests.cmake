if(EBB_BUILD_LAB)
  ebb_test(lab
    SOURCES lab/format/text_test.cpp lab/program/program_test.cpp lab/recipe/recipe_test.cpp
      lab/runs/run_files_damage_test.cpp lab/setup/build_test.cpp lab/training/evaluation_test.cpp
      lab/training/trainer_test.cpp support/allocations.cpp support/mutate.cpp support/temporary_directory.cpp
    LIBRARIES ebb::lab nlohmann_json::nlohmann_json)
  target_compile_definitions(test_lab PRIVATE EBB_PROGRAM="$<TARGET_FILE:ebb>")
  add_dependencies(test_lab ebb)
  ebb_test(data_command
    SOURCES lab/program/contact_sheet_test.cpp lab/program/data_command_test.cpp support/mutate.cpp
      support/temporary_directory.cpp
    LIBRARIES ebb::lab ZLIB::ZLIB)

  # Trainings that are killed, measured and starved of memory: instrumented programs are too slow and too large for it.
  # The library that is preloaded to make writes fail would have to come behind the sanitizer's.
  if(NOT EBB_SANITIZE)
    target_sources(test_lab PRIVATE lab/reports/hostile_texts_test.cpp lab/reports/report_test.cpp lab/runs/resume_test.cpp lab/runs/write_faults_test.cpp
      lab/training/memory_test.cpp)
    add_library(ebb_failing_memory MODULE support/failing_memory.cpp)
    add_library(ebb_failing_writes MODULE support/failing_writes.cpp)
    foreach(library ebb_failing_memory ebb_failing_writes)
      target_link_libraries(${library} PRIVATE ebb_options ${CMAKE_DL_LIBS})
      target_compile_features(${library} PRIVATE cxx_std_20)
      string(TOUPPER ${library} name)
      target_compile_definitions(test_lab PRIVATE ${name}="$<TARGET_FILE:${library}>")
      add_dependencies(test_lab ${library})
    endforeach()
  endif()
endif()
