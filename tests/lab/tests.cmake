if(EBB_BUILD_LAB)
  ebb_test(lab SOURCES lab/text_test.cpp lab/program_test.cpp LIBRARIES ebb::lab nlohmann_json::nlohmann_json)
  target_compile_definitions(test_lab PRIVATE EBB_PROGRAM="$<TARGET_FILE:ebb>")
  add_dependencies(test_lab ebb)
  ebb_test(data_command SOURCES lab/data_command_test.cpp support/mutate.cpp support/temporary_directory.cpp
    LIBRARIES ebb::lab ZLIB::ZLIB)
endif()
