// The main function of every test program, and what the sanitizers are told.
#define BOOST_TEST_MODULE ebb
#include <boost/test/unit_test.hpp>

// Requests that nobody can serve are part of the tests: the allocator says no, as outside the sanitizers.
#ifdef __SANITIZE_ADDRESS__
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "allocator_may_return_null=1:detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1";
}
extern "C" const char* __ubsan_default_options();
extern "C" const char* __ubsan_default_options() { return "print_stacktrace=1"; }
#endif
#ifdef __SANITIZE_THREAD__
extern "C" const char* __tsan_default_options();
extern "C" const char* __tsan_default_options() { return "allocator_may_return_null=1:halt_on_error=1"; }
#endif
