ebb_test(golden
  SOURCES golden/conventions_test.cpp golden/golden_cases.cpp golden/golden_test.cpp golden/import_test.cpp golden/layers_test.cpp golden/models_test.cpp
    golden/ops.cpp golden/training_test.cpp support/temporary_directory.cpp
  LIBRARIES ebb::optim ebb::models nlohmann_json::nlohmann_json)
if(EBB_BUILD_LAB)
  ebb_test(golden_studies SOURCES golden/buffers_test.cpp golden/edge_test.cpp golden/golden_cases.cpp golden/hyperball_test.cpp
    golden/inside_test.cpp golden/recorded.cpp golden/study_test.cpp
    LIBRARIES ebb::lab nlohmann_json::nlohmann_json)
endif()
