#include "defound/train/loss_scale.h"

#include "defound/train/master_weights.h"

namespace defound {

LossScale::LossScale(bool on, torch::Device device) {
  if (!on) return;
  scale_ = torch::full({}, 65536.0, torch::device(device));
  good_steps_ = torch::zeros({}, torch::device(device).dtype(torch::kInt32));
}

void LossScale::update(const torch::Tensor& overflowed) {
  torch::NoGradGuard no_grad;
  if (is_on()) at::_amp_update_scale_(scale_, good_steps_, overflowed, /*growth=*/2.0, /*backoff=*/0.5, /*interval=*/2000);
}

void LossScale::save(TensorMap& state) const {
  if (is_on()) save_tensors(state, "loss_scale/", {"scale", "good_steps"}, {scale_, good_steps_});
}

void LossScale::load(const TensorMap& state) {
  if (is_on()) load_tensors(state, "loss_scale/", {"scale", "good_steps"}, {scale_, good_steps_});
}

}  // namespace defound
