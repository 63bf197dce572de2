#pragma once
#include <torch/torch.h>

#include "defound/nn/block_list.h"
#include "defound/nn/layers.h"

namespace defound {

/// Gated feed-forward (Shazeer, "GLU variants improve transformer", 2020) with diffusers' keys net.0.proj and net.2:
/// [N, L, D] -> proj -> [N, L, 8 D] = (values, gates) -> values * gelu(gates) [N, L, 4 D] -> [N, L, D].
class GegluFeedForward : public torch::nn::Module {
 public:
  explicit GegluFeedForward(int64_t width);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  std::shared_ptr<Linear> proj_, out_;
};

}  // namespace defound
