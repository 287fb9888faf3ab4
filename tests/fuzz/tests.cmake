# The fuzz targets: in every build a test that replays what is known, and with clang (preset fuzz) a program fuzz_TARGET
# each for libFuzzer.
if(EBB_BUILD_LAB)
  set(fuzz_sources fuzz/archive_target.cpp fuzz/audits_target.cpp fuzz/changes_target.cpp fuzz/checkpoint_target.cpp fuzz/cifar_target.cpp fuzz/csv_target.cpp
    fuzz/diagnosis_target.cpp fuzz/evaluation_target.cpp fuzz/idx_target.cpp fuzz/import_torch_target.cpp fuzz/npz_target.cpp fuzz/packing.cpp fuzz/picture_set_target.cpp fuzz/picture_target.cpp fuzz/recipe_target.cpp
    fuzz/run_log_target.cpp fuzz/safetensors_target.cpp fuzz/selector_target.cpp fuzz/small_model.cpp
    fuzz/targets.cpp fuzz/tensor_file.cpp fuzz/trial_target.cpp support/mutate.cpp)
  ebb_test(fuzz SOURCES fuzz/replay_test.cpp ${fuzz_sources} LIBRARIES ebb::lab ZLIB::ZLIB)
  set_target_properties(test_fuzz PROPERTIES UNITY_BUILD OFF)  # each target says the same names

  if(EBB_SANITIZE MATCHES "fuzzer")
    add_library(ebb_fuzz_targets STATIC ${fuzz_sources})
    target_include_directories(ebb_fuzz_targets PUBLIC ${PROJECT_SOURCE_DIR})
    target_link_libraries(ebb_fuzz_targets PUBLIC ebb_options ebb::lab ZLIB::ZLIB)
    add_custom_target(fuzzers)
    foreach(target archive audits changes checkpoint cifar csv diagnosis evaluation idx import_torch npz picture picture_set recipe run_log safetensors selector trial)
      add_executable(fuzz_${target} fuzz/libfuzzer.cpp)
      target_compile_definitions(fuzz_${target} PRIVATE EBB_FUZZ_TARGET=${target})
      target_link_options(fuzz_${target} PRIVATE -fsanitize=fuzzer)
      target_link_libraries(fuzz_${target} PRIVATE ebb_fuzz_targets)
      add_dependencies(fuzzers fuzz_${target})
    endforeach()
  endif()
endif()
