#include "defound/train/ema.h"

#include <algorithm>

#include "defound/train/master_weights.h"

namespace defound {

Ema::Ema(double decay, std::vector<std::string> names, const std::vector<torch::Tensor>& masters) : decay_(decay), names_(std::move(names)) {
  for (const auto& master : masters) values_.push_back(master.detach().clone());
}

double Ema::decay_at(int64_t step, double decay) {
  if (step <= 1) return 0.0;
  const auto n = static_cast<double>(step);
  return std::min(decay, n / (9.0 + n));
}

void Ema::update(const std::vector<torch::Tensor>& masters, int64_t step) {
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> own, towards;
  for (size_t i = 0; i < values_.size(); ++i) {
    if (!values_[i].defined()) continue;
    own.push_back(values_[i]);
    towards.push_back(masters[i]);
  }
  if (!own.empty()) at::_foreach_lerp_(own, towards, 1.0 - decay_at(step, decay_));
}

void Ema::save(TensorMap& state) const { save_tensors(state, "ema/", names_, values_); }
void Ema::load(const TensorMap& state) { load_tensors(state, "ema/", names_, values_); }

}  // namespace defound
