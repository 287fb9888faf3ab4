// The program that steps 1 to 4 of docs/tutorial.md are typed into.
// code: program
#include <algorithm>
#include <iostream>
#include <numeric>

#include <ebb/ebb.h>

using namespace ebb;

int main() try {
  std::cout << "Ebb\n";  // the code of a step goes here, its functions and classes above main()
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
// code: end
