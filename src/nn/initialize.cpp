#include "defound/nn/initialize.h"

#include <cmath>

#include "defound/core/error.h"
#include "defound/nn/init_weights.h"

namespace defound {
void initialize(torch::nn::Module& module, const Draws& draws) {
  torch::NoGradGuard no_grad;
  const auto parameters = module.named_parameters();
  for (const auto& item : parameters) {
    const std::string& name = item.key();
    torch::Tensor parameter = item.value();
    const bool is_bias = name.ends_with("bias");
    const torch::Tensor* weight = is_bias ? parameters.find(name.substr(0, name.size() - 4) + "weight") : &parameter;
    if (weight == nullptr) fail("cannot draw {}: it has no weight beside it", name);
    if (weight->dim() < 2) {
      parameter.fill_(is_bias ? 0 : 1);
      continue;
    }
    const double fan_in = static_cast<double>(weight->numel()) / static_cast<double>(weight->size(0));
    fill_uniform(parameter, 1.0 / std::sqrt(fan_in), draws.purpose(name));
  }
}

void to_channels_last(torch::nn::Module& module) {
  torch::NoGradGuard no_grad;
  for (torch::Tensor& parameter : module.parameters())
    if (parameter.dim() == 4) parameter.set_data(parameter.contiguous(torch::MemoryFormat::ChannelsLast));
}

int64_t parameter_count(const torch::nn::Module& module) {
  int64_t count = 0;
  for (const torch::Tensor& parameter : module.parameters()) count += parameter.numel();
  return count;
}

}  // namespace defound
