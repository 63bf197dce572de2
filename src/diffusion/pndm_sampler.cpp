#include "defound/diffusion/pndm_sampler.h"

#include <cmath>

#include "defound/core/error.h"
#include "defound/diffusion/timestep_spacing.h"

namespace defound {
namespace {

constexpr size_t kOrder = 4;

/// Each of the first three steps is called at t, twice in its middle and at its end.
std::vector<double> runge_kutta_timesteps(const std::vector<double>& falling, int64_t stride) {
  std::vector<double> timesteps;
  for (size_t k = 0; k + 1 < kOrder; ++k) {
    const double middle = falling[k + 1] + static_cast<double>(stride / 2);
    for (const double t : {falling[k], middle, middle, falling[k + 1]}) timesteps.push_back(t);
  }
  return timesteps;
}

}  // namespace

PndmSampler::PndmSampler(const NoiseSchedule& schedule, int64_t steps) : schedule_(schedule) {
  const SchedulerConfig& c = schedule.config();
  const std::string spacing = c.timestep_spacing == "default" ? "leading" : c.timestep_spacing;
  if (c.prediction_type == "sample") reject("the pndm sampler needs prediction_type epsilon or v_prediction; use ddim");
  const std::vector<double> falling = spaced_timesteps(spacing, steps, c.num_train_timesteps, c.steps_offset);
  stride_ = c.num_train_timesteps / steps;
  if (c.skip_prk_steps) {
    timesteps_ = falling;
    if (falling.size() > 1) timesteps_.insert(timesteps_.begin() + 1, falling[1]);  // the second is called twice
    return;
  }
  if (falling.size() < kOrder) reject("the pndm sampler needs at least {} steps, not {}", kOrder, steps);
  timesteps_ = runge_kutta_timesteps(falling, stride_);
  warmup_ = timesteps_.size();
  timesteps_.insert(timesteps_.end(), falling.begin() + (kOrder - 1), falling.end());
}

torch::Tensor PndmSampler::step(const torch::Tensor& prediction, size_t i, const torch::Tensor& latents, const StepNoise&) {
  return i < warmup_ ? runge_kutta(prediction, i, latents) : multistep(prediction, i, latents);
}

torch::Tensor PndmSampler::runge_kutta(const torch::Tensor& prediction, size_t i, const torch::Tensor& latents) {
  const int64_t previous = static_cast<int64_t>(timesteps_[i]) - (i % 2 ? 0 : stride_ / 2);
  const int64_t t = static_cast<int64_t>(timesteps_[i / 4 * 4]);
  torch::Tensor direction = prediction;
  if (i % 4 == 0) {
    predictions_.push_back(prediction);
    start_ = latents;
    sum_ = prediction / 6;
  } else if (i % 4 < 3) {
    sum_ = sum_ + prediction / 3;
  } else {
    direction = sum_ + prediction / 6;
  }
  return transfer(start_, t, previous, direction);
}

torch::Tensor PndmSampler::multistep(const torch::Tensor& prediction, size_t i, const torch::Tensor& latents) {
  int64_t t = static_cast<int64_t>(timesteps_[i]), previous = t - stride_;
  if (warmup_ == 0 && i == 1) {  // the second half of the first step: again from its start, with the mean of both predictions
    previous = t;
    t += stride_;
    return transfer(start_, t, previous, (prediction + predictions_.back()) / 2);
  }
  if (predictions_.size() == kOrder) predictions_.erase(predictions_.begin());
  predictions_.push_back(prediction);
  if (i == 0) start_ = latents;
  const auto past = [this](size_t k) { return predictions_[predictions_.size() - 1 - k]; };
  switch (predictions_.size()) {
    case 1: return transfer(latents, t, previous, prediction);
    case 2: return transfer(latents, t, previous, (3 * past(0) - past(1)) / 2);
    case 3: return transfer(latents, t, previous, (23 * past(0) - 16 * past(1) + 5 * past(2)) / 12);
    default: return transfer(latents, t, previous, (55 * past(0) - 59 * past(1) + 37 * past(2) - 9 * past(3)) / 24);
  }
}

torch::Tensor PndmSampler::transfer(const torch::Tensor& latents, int64_t t, int64_t previous, const torch::Tensor& prediction) const {
  const SchedulerConfig& c = schedule_.config();
  const double now = schedule_.alpha_bar(t);
  const double then = previous >= 0 ? schedule_.alpha_bar(previous) : c.set_alpha_to_one ? 1.0 : schedule_.alpha_bar(0);
  const torch::Tensor epsilon = c.prediction_type == "v_prediction" ? std::sqrt(now) * prediction + std::sqrt(1 - now) * latents : prediction;
  const double denominator = now * std::sqrt(1 - then) + std::sqrt(now * (1 - now) * then);
  return std::sqrt(then / now) * latents - (then - now) / denominator * epsilon;
}

}  // namespace defound
