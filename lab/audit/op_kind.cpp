#include "lab/audit/op_kind.h"

#include <map>

namespace ebb::detail {

OpKind kind_of(std::string_view op) {
  using K = OpKind;
  static const std::map<std::string_view, OpKind> kinds{
      {"parameter", K::leaf},
      {"input", K::leaf},
      {"linear", K::linear},
      {"matmul", K::linear},
      {"conv2d", K::linear},
      {"conv2d_relu", K::linear},
      {"conv_transpose2d", K::linear},
      {"batch_norm", K::norm},
      {"batch_norm_relu", K::norm},
      {"layer_norm", K::norm},
      {"group_norm", K::norm},
      {"add", K::sum},
      {"sub", K::sum},
      {"where", K::sum},
      {"add_relu", K::sum},
      {"mul", K::product},
      {"div", K::product},
      {"square", K::power},
      {"sqrt", K::power},
      {"pow", K::power},
      {"relu", K::homogeneous},
      {"leaky_relu", K::homogeneous},
      {"abs", K::homogeneous},
      {"dropout", K::homogeneous},
      {"max_pool2d", K::pooling},
      {"avg_pool2d", K::pooling},
      {"adaptive_max_pool2d", K::pooling},
      {"adaptive_avg_pool2d", K::pooling},
      {"global_avg_pool2d", K::pooling},
      {"sum", K::reduction},
      {"mean", K::reduction},
      {"max", K::reduction},
      {"reshape", K::layout},
      {"flatten", K::layout},
      {"transpose", K::layout},
      {"slice", K::layout},
      {"concat", K::layout},
      {"pad", K::layout},
      {"embedding", K::embedding},
      {"softmax", K::softmax},
      {"log_softmax", K::softmax},
      {"softmax_cross_entropy", K::softmax},
  };
  const auto found = kinds.find(op);
  return found == kinds.end() ? K::other : found->second;
}

bool rectifies(std::string_view op) { return op.ends_with("_relu") && op != "leaky_relu"; }

double exponent_of(const NetworkValue& value) {
  if (value.op == "square") return 2;
  return value.op == "sqrt" ? 0.5 : value.setting("exponent", 1);
}

}  // namespace ebb::detail
