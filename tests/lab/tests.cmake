if(EBB_BUILD_LAB)
  ebb_test(lab
    SOURCES lab/format/text_test.cpp lab/program/program_test.cpp lab/program/standard_streams_test.cpp
      lab/program/trace_command_test.cpp
      lab/recipe/hostile_text_test.cpp lab/recipe/recipe_test.cpp lab/recipe/words_test.cpp
      lab/runs/changed_runs_test.cpp lab/runs/environment_test.cpp lab/runs/foreign_files_test.cpp lab/runs/run_files_damage_test.cpp
      lab/runs/moved_directory_test.cpp lab/setup/beginning_test.cpp lab/setup/build_test.cpp lab/setup/extensions_test.cpp
      lab/setup/group_keys_test.cpp lab/setup/policies_test.cpp lab/setup/warnings_test.cpp lab/training/evaluation_test.cpp
      lab/training/guard_test.cpp lab/training/looked_into_test.cpp
      lab/training/state_damage_test.cpp lab/training/mean_of_epochs_test.cpp lab/training/trace_test.cpp
      lab/training/trainer_test.cpp lab/training/views_at_end_test.cpp support/allocations.cpp support/mutate.cpp
      support/temporary_directory.cpp
    LIBRARIES ebb::lab CLI11::CLI11 nlohmann_json::nlohmann_json)
  target_compile_definitions(test_lab PRIVATE EBB_PROGRAM="$<TARGET_FILE:ebb>")
  add_dependencies(test_lab ebb)
  ebb_test(shards THREADS
    SOURCES lab/training/ddp_test.cpp lab/training/gradient_sums_test.cpp lab/training/lockstep_test.cpp
      lab/training/shard_keys_test.cpp lab/training/shards_test.cpp support/ranks.cpp
      support/temporary_directory.cpp
    LIBRARIES ebb::lab nlohmann_json::nlohmann_json)
  target_compile_definitions(test_shards PRIVATE EBB_PROGRAM="$<TARGET_FILE:ebb>")
  add_executable(ebb_throwing_program support/throwing_program.cpp)
  target_include_directories(ebb_throwing_program PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(ebb_throwing_program PRIVATE ebb_options ebb::lab)
  ebb_test(uncaught SOURCES lab/program/uncaught_test.cpp LIBRARIES ebb::lab CLI11::CLI11 nlohmann_json::nlohmann_json)
  target_compile_definitions(test_uncaught PRIVATE EBB_PROGRAM="$<TARGET_FILE:ebb>"
    EBB_THROWING_PROGRAM="$<TARGET_FILE:ebb_throwing_program>")
  add_dependencies(test_uncaught ebb ebb_throwing_program)
  if(EBB_BUILD_EXAMPLES)
    ebb_test(own_program SOURCES lab/program/own_program_test.cpp support/temporary_directory.cpp
      LIBRARIES ebb::lab nlohmann_json::nlohmann_json)
    target_compile_definitions(test_own_program PRIVATE EBB_PROGRAM="$<TARGET_FILE:ebb>"
      EBB_OWN_PROGRAM="$<TARGET_FILE:example_own_program>" EBB_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    add_dependencies(test_own_program ebb example_own_program)
  endif()
  ebb_test(use
    SOURCES lab/use/card_test.cpp lab/use/import_command_test.cpp lab/use/inside_test.cpp lab/use/predict_command_test.cpp
      lab/use/photograph_test.cpp lab/use/show_command_test.cpp support/mutate.cpp support/temporary_directory.cpp
    LIBRARIES ebb::lab nlohmann_json::nlohmann_json ZLIB::ZLIB)
  target_compile_definitions(test_use PRIVATE EBB_PROGRAM="$<TARGET_FILE:ebb>" EBB_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  add_dependencies(test_use ebb)
  # The evaluator of graphs reads the library's own part of ONNX's format.
  ebb_test(export SOURCES lab/export/event_reader.cpp lab/export/export_command_test.cpp lab/export/onnx_evaluator.cpp
      lab/export/onnx_ops_test.cpp lab/export/onnx_runtime_test.cpp lab/export/onnx_test.cpp lab/export/onnx_windows.cpp
      lab/export/tensorboard_kills_test.cpp lab/export/tensorboard_test.cpp lab/export/torch_training_test.cpp lab/export/torch_twins_test.cpp
      support/temporary_directory.cpp
    LIBRARIES ebb::lab nlohmann_json::nlohmann_json protobuf::libprotobuf-lite)
  target_include_directories(test_export PRIVATE ${PROJECT_BINARY_DIR}/lab)
  target_compile_definitions(test_export PRIVATE EBB_PROGRAM="$<TARGET_FILE:ebb>" EBB_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  add_dependencies(test_export ebb)
  ebb_test(picture_data SOURCES lab/program/arguments_test.cpp lab/program/destinations_test.cpp
      lab/program/folders_in_use_test.cpp lab/program/hints_test.cpp lab/program/picture_data_test.cpp
      support/mutate.cpp support/temporary_directory.cpp
    LIBRARIES ebb::lab nlohmann_json::nlohmann_json ZLIB::ZLIB)
  target_compile_definitions(test_picture_data PRIVATE EBB_PROGRAM="$<TARGET_FILE:ebb>"
    EBB_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  add_dependencies(test_picture_data ebb)
  ebb_test(audit
    SOURCES lab/audit/audit_file_test.cpp lab/audit/audit_test.cpp lab/audit/decayed_set_test.cpp
      lab/audit/drawing_test.cpp lab/audit/graphs_test.cpp lab/audit/hostile_networks_test.cpp
      lab/audit/identities_test.cpp lab/audit/position_words_test.cpp lab/audit/predict_test.cpp
      lab/audit/probe_test.cpp lab/audit/rescalings_test.cpp lab/audit/windows_test.cpp
      lab/audit/written_out_norms_test.cpp lab/audit/zoo_test.cpp support/allocations.cpp support/mutate.cpp
    LIBRARIES ebb::lab nlohmann_json::nlohmann_json)
  ebb_test(audit_command SOURCES lab/program/audit_command_test.cpp LIBRARIES ebb::lab nlohmann_json::nlohmann_json)
  target_compile_definitions(test_audit_command PRIVATE EBB_PROGRAM="$<TARGET_FILE:ebb>")
  add_dependencies(test_audit_command ebb)
  ebb_test(diagnose
    SOURCES lab/diagnose/command_test.cpp lab/diagnose/diagnosed_training_test.cpp lab/diagnose/diagnosis_test.cpp
      lab/diagnose/diagnostics_test.cpp lab/diagnose/unchanged_bits_test.cpp
    LIBRARIES ebb::lab nlohmann_json::nlohmann_json)
  target_compile_definitions(test_diagnose PRIVATE EBB_PROGRAM="$<TARGET_FILE:ebb>")
  add_dependencies(test_diagnose ebb)
  ebb_test(study
    SOURCES lab/study/added_study_test.cpp lab/study/claims_test.cpp lab/study/pages_test.cpp lab/study/runner_test.cpp lab/study/singular_values_test.cpp
      lab/study/statistics_test.cpp
      lab/study/studies_test.cpp lab/study/study_test.cpp lab/training/attack_test.cpp lab/training/curvature_test.cpp
      lab/training/temperature_test.cpp support/mutate.cpp support/temporary_directory.cpp
    LIBRARIES ebb::lab nlohmann_json::nlohmann_json)
  add_executable(ebb_study_program support/study_program.cpp)
  target_include_directories(ebb_study_program PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(ebb_study_program PRIVATE ebb_options ebb::lab ebb_glue_options)
  # The program with a study more: a copy of lab/studies into which one file was put.
  set(more ${CMAKE_CURRENT_BINARY_DIR}/more_studies)
  file(REMOVE_RECURSE ${more}/copy)
  file(COPY ${PROJECT_SOURCE_DIR}/lab/studies/ DESTINATION ${more}/copy)
  file(COPY_FILE support/added_study.cpp ${more}/copy/decay_alone.cpp)
  file(GLOB all_studies ${more}/copy/*.cpp)
  ebb_studies(${more}/studies.cpp ${all_studies})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS support/added_study.cpp)
  add_executable(ebb_more_studies ${PROJECT_SOURCE_DIR}/lab/program/ebb.cpp ${more}/studies.cpp
    ${more}/copy/decay_alone.cpp)
  target_include_directories(ebb_more_studies PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(ebb_more_studies PRIVATE ebb_options ebb::lab ebb_glue_options)
  target_compile_definitions(test_study PRIVATE EBB_PROGRAM="$<TARGET_FILE:ebb>"
    EBB_STUDY_PROGRAM="$<TARGET_FILE:ebb_study_program>" EBB_MORE_STUDIES="$<TARGET_FILE:ebb_more_studies>"
    EBB_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  add_dependencies(test_study ebb ebb_study_program ebb_more_studies)
  ebb_test(reports
    SOURCES lab/reports/axis_test.cpp lab/reports/browser_test.cpp lab/reports/comparison_test.cpp
      lab/reports/diagnosis_section_test.cpp
      lab/reports/hostile_texts_test.cpp lab/reports/tables_test.cpp support/temporary_directory.cpp
    LIBRARIES ebb::lab nlohmann_json::nlohmann_json)
  target_compile_definitions(test_reports PRIVATE EBB_PROGRAM="$<TARGET_FILE:ebb>")
  add_dependencies(test_reports ebb)
  set(modules "")
  foreach(module ebb_mpi_openmpi ebb_mpi_mpich)
    if(TARGET ${module})
      list(APPEND modules ${module})
    endif()
  endforeach()
  if(modules)
    add_executable(ebb_mpi_calls support/mpi_calls.cpp)
    set_target_properties(ebb_mpi_calls PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR} CXX_EXTENSIONS OFF)
    target_include_directories(ebb_mpi_calls PRIVATE ${PROJECT_SOURCE_DIR})
    target_link_libraries(ebb_mpi_calls PRIVATE ebb_options ebb::framework)
    ebb_test(mpi
      SOURCES lab/program/mpi_bits_test.cpp lab/program/mpi_ranks_test.cpp lab/program/mpi_test.cpp
      LIBRARIES ebb::lab nlohmann_json::nlohmann_json)
    target_compile_definitions(test_mpi PRIVATE EBB_PROGRAM="$<TARGET_FILE:ebb>" EBB_MPI_MODULES="$<JOIN:${modules}, >"
      EBB_MPI_CALLS="$<TARGET_FILE:ebb_mpi_calls>")
    add_dependencies(test_mpi ebb ebb_mpi_calls ${modules})
  else()
    message(STATUS "Ebb: test_mpi is left out: no MPI was found")
  endif()
  ebb_test(data_command
    SOURCES lab/program/contact_sheet_test.cpp lab/program/data_command_test.cpp support/mutate.cpp
      support/temporary_directory.cpp
    LIBRARIES ebb::lab ZLIB::ZLIB)

  # Trainings that are killed, measured and starved of memory: instrumented programs are too slow and too large for it.
  # The library that is preloaded to make writes fail would have to come behind the sanitizer's.
  if(NOT EBB_SANITIZE)
    target_sources(test_lab PRIVATE lab/reports/report_test.cpp lab/runs/write_faults_test.cpp)
    if(NOT EBB_COVERAGE)  # whose counters take time and memory
      target_sources(test_lab PRIVATE lab/runs/resume_test.cpp lab/training/memory_test.cpp)
    endif()
    add_library(ebb_failing_memory MODULE support/failing_memory.cpp)
    add_library(ebb_failing_writes MODULE support/failing_writes.cpp)
    add_library(ebb_failing_new MODULE support/failing_new.cpp)
    foreach(pair failing_memory:lab failing_writes:lab failing_new:uncaught)
      string(REGEX MATCH "(.*):(.*)" pair ${pair})
      set(library ebb_${CMAKE_MATCH_1})
      set(test test_${CMAKE_MATCH_2})
      target_link_libraries(${library} PRIVATE ebb_options ${CMAKE_DL_LIBS})
      target_compile_features(${library} PRIVATE cxx_std_20)
      string(TOUPPER ${library} name)
      target_compile_definitions(${test} PRIVATE ${name}="$<TARGET_FILE:${library}>")
      add_dependencies(${test} ${library})
    endforeach()
  endif()
endif()
