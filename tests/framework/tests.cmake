ebb_test(tensor SOURCES framework/tensor/random_test.cpp)
