ebb_test(models SOURCES models/batch_invariance_test.cpp models/models_test.cpp models/prepare_test.cpp models/speednet_test.cpp models/zoo_test.cpp LIBRARIES ebb::models)
