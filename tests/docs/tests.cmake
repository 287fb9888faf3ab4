if(EBB_BUILD_LAB)
  ebb_test(docs SOURCES docs/header_examples_test.cpp LIBRARIES ebb::lab)
endif()
