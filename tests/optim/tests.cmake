ebb_test(optim
  SOURCES optim/closed_form_test.cpp optim/decay_course_test.cpp optim/equivalence_test.cpp
    optim/extreme_numbers_test.cpp optim/golden_test.cpp optim/gradient_noise_test.cpp optim/gradient_test.cpp
    optim/groups_test.cpp optim/momentum_schedule_test.cpp optim/no_op_test.cpp optim/projection_test.cpp
    optim/scale_invariant_test.cpp optim/schedule_test.cpp optim/state_test.cpp
    optim/steady_test.cpp optim/step_observer_test.cpp optim/trajectory_test.cpp optim/update_model_test.cpp
    optim/zero_gradient_test.cpp support/allocations.cpp
  LIBRARIES ebb::optim)
