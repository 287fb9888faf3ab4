#include "lab/use/looking_pass.h"

#include <algorithm>
#include <utility>

#include "framework/autograd/observing.h"
#include "framework/compute/basic.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

// Keeps what one layer gives.
class Captured : public detail::CallObserver {
 public:
  explicit Captured(const Layer& layer) : layer_(layer) {}

  void enter(Layer&, const Var&) override {}
  void leave(Layer& layer, const Var&, const Var& y) override {
    if (&layer == &layer_) result = y;
  }

  Var result;

 private:
  const Layer& layer_;
  detail::Observing<detail::CallObserver> observing_{detail::call_observer, this};
};

Tensor largest_of(const Tensor& logits) {
  const Tensor numbers = cast(logits, DType::f64);
  Tensor out({logits.dim(0)}, DType::i64);
  for (std::int64_t n = 0; n < logits.dim(0); ++n) {
    const auto row = numbers.span<double>().subspan(static_cast<std::size_t>(n * logits.dim(1)),
                                                    static_cast<std::size_t>(logits.dim(1)));
    out.mutable_data<std::int64_t>()[n] = std::ranges::max_element(row) - row.begin();
  }
  return out;
}

}  // namespace

Frozen::Frozen(Module& model) {
  for (Parameter* const p : model.parameters())
    if (!p->frozen()) {
      p->freeze();
      changed_.push_back(p);
    }
}

Frozen::~Frozen() {
  for (Parameter* const p : changed_) p->unfreeze();
}

LookingPass::LookingPass(Layer& model, const Tensor& images, const Layer* layer)
    : eval_(model), frozen_(model), images_(tape_.input(images)) {
  if (layer != nullptr) {
    Captured captured(*layer);
    logits_ = model(images_);
    result_ = captured.result;
    if (!result_.value().defined())
      fail("look", "a layer that the network does not call", "one of those of called_layers()");
    if (result_.tracked()) tape_.keep_gradient(result_);
  } else {
    logits_ = model(images_);
  }
  if (logits_.rank() != 2 || logits_.dim(0) != images.dim(0))
    fail("look", text("a result of shape ", logits_.shape()), text("logits [", images.dim(0), ", classes]"));
}

void LookingPass::backward(const Tensor& classes) {
  const Tensor wanted = classes.defined() ? classes : largest_of(logits());
  const std::int64_t images = logits().dim(0), count = logits().dim(1);
  if (wanted.dtype() != DType::i64 || wanted.shape() != Shape{images})
    fail("look", text("classes ", wanted.shape(), " of ", wanted.dtype()), text("i64 [", images, ']'));
  Tensor one_hot = Tensor::zeros(logits().shape(), DType::f64);
  for (std::int64_t n = 0; n < images; ++n) {
    const std::int64_t c = wanted.data<std::int64_t>()[n];
    if (c < 0 || c >= count) fail("look", text("class ", c), text("0 to ", count - 1));
    one_hot.mutable_data<double>()[n * count + c] = 1;
  }
  tape_.backward(logits_, cast(one_hot, logits().dtype()));
}

}  // namespace ebb
