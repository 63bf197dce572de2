#include "defound/train/skipped_steps.h"

#include "defound/train/master_weights.h"

namespace defound {

SkippedSteps::SkippedSteps(torch::Device device)
    : total_(torch::zeros({}, torch::device(device))), in_a_row_(torch::zeros_like(total_)), most_in_a_row_(torch::zeros_like(total_)) {}

void SkippedSteps::update(const torch::Tensor& bad) {
  torch::NoGradGuard no_grad;
  total_ = total_ + bad;
  in_a_row_ = (in_a_row_ + 1) * bad;
  most_in_a_row_ = torch::maximum(most_in_a_row_, in_a_row_);
}

SkippedSteps::Count SkippedSteps::read() const {
  const torch::Tensor both = torch::stack({total_, most_in_a_row_}).to(torch::kCPU, torch::kInt64);
  return {both[0].item<int64_t>(), both[1].item<int64_t>()};
}

void SkippedSteps::save(TensorMap& state) const { save_tensors(state, "skipped/", {"total", "in_a_row"}, {total_, in_a_row_}); }

void SkippedSteps::load(const TensorMap& state) {
  load_tensors(state, "skipped/", {"total", "in_a_row"}, {total_, in_a_row_});
  most_in_a_row_ = in_a_row_.clone();
}

}  // namespace defound
