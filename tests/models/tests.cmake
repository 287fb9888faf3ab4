ebb_test(models SOURCES models/models_test.cpp models/speednet_test.cpp models/zoo_test.cpp LIBRARIES ebb::models)
