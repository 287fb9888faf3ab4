// The program `ebb`.
#include "lab/program/ebb_main.h"

int main(int argc, char** argv) { return ebb::ebb_main(argc, argv); }
