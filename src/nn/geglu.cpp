#include "defound/nn/geglu.h"

#include "defound/kernels/gelu_bf16.h"

namespace defound {

GegluFeedForward::GegluFeedForward(int64_t width) {
  // net.1 is a dropout without parameters in diffusers, hence the gap in the keys
  const auto net = register_module("net", std::make_shared<torch::nn::Module>());
  const auto gate = net->register_module("0", std::make_shared<torch::nn::Module>());
  proj_ = gate->register_module("proj", std::make_shared<Linear>(width, 8 * width));
  out_ = net->register_module("2", std::make_shared<Linear>(4 * width, width));
}

torch::Tensor GegluFeedForward::forward(const torch::Tensor& x) {
  const auto halves = proj_->forward(x).chunk(2, -1);
  return out_->forward(halves[0] * defound::gelu(halves[1]));
}

}  // namespace defound
