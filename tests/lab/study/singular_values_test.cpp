#include "lab/study/singular_values.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/support/tensors.h"

namespace ebb::test {

BOOST_AUTO_TEST_SUITE(singular_value)

// Of u s v^T with turns u and v they are s.
BOOST_AUTO_TEST_CASE(are_those_of_turned_axes) {
  const double a = 0.3, b = 1.1;
  const double u[2][2] = {{std::cos(a), -std::sin(a)}, {std::sin(a), std::cos(a)}},
               v[2][2] = {{std::cos(b), -std::sin(b)}, {std::sin(b), std::cos(b)}};
  for (const DType dtype : {DType::f64, DType::f32}) {
    Tensor w = Tensor::zeros({3, 2}, DType::f64);  // the last row stays empty
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 2; ++j)
        w.mutable_data<double>()[2 * i + j] = u[i][0] * 5 * v[j][0] + u[i][1] * 0.25 * v[j][1];
    const std::vector<double> found = singular_values(cast(w, dtype));
    BOOST_REQUIRE(found.size() == 2u);
    BOOST_TEST(std::abs(found[0] - 5) < (dtype == DType::f64 ? 1e-14 : 1e-6));
    BOOST_TEST(std::abs(found[1] - 0.25) < (dtype == DType::f64 ? 1e-13 : 1e-6));
  }
  const std::vector<double> flat = singular_values(Tensor::full({4, 3}, 2, DType::f64));
  BOOST_TEST(std::abs(flat[0] - 2 * std::sqrt(12)) < 1e-14);
  BOOST_TEST(flat[1] < 1e-6);
}

BOOST_AUTO_TEST_CASE(are_those_of_matrices_alone) {
  BOOST_TEST(error_of([] { singular_values(Tensor::zeros({3})); }).find("a matrix") != std::string::npos);
  BOOST_TEST(error_of([] { singular_values(Tensor::zeros({3, 3}, DType::i64)); }).find("f32") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test
