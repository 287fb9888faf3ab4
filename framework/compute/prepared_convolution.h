/// \file
/// A convolution whose weights are arranged once, for many calls. Not part of the public interface.
#pragma once

#include "framework/compute/convolution.h"

namespace ebb::detail {

/// Method and weights of a layer that many calls share. Calls of several threads may run at once.
class PreparedConvolution {
 public:
  /// \param weight, bias as convolution() takes them; they are copied.
  /// \param layer its number of images is that which the method is best for. The result of an image does not depend on
  /// how many there are in a call.
  /// \param relu y = max(y, 0) in the end.
  /// \param usual take the method of convolution(), for its bits, whatever the number of images.
  PreparedConvolution(const Tensor& weight, const Tensor& bias, const ConvolutionShape& layer, bool relu,
                      bool usual = false);

  /// The convolution of any number of images.
  Tensor operator()(const Tensor& x) const;

  /// Of the arranged weights and the bias.
  std::int64_t bytes() const;

  /// "direct", "F(2x2)", "F(4x4)" or "columns": the matrix product of the pixels under the filters with the weights.
  const char* method() const;

 private:
  enum class Method : std::uint8_t { direct, f2, f4, columns };
  template <class T>
  void arrange(Method method);
  template <class T>
  void columns(const Tensor& x, Tensor& y) const;
  Method choose(DType dtype) const;
  Method usual(DType dtype) const;

  ConvolutionShape layer_;
  Method method_;
  bool relu_;
  Tensor weight_;  // as given, where nothing else is read
  Tensor bias_;    // or undefined
  Tensor packed_;  // as the method reads it
};

}  // namespace ebb::detail
