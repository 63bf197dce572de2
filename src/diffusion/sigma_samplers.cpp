#include "defound/diffusion/sigma_samplers.h"

#include <cmath>

#include "defound/diffusion/prediction.h"
#include "defound/diffusion/timestep_spacing.h"

namespace defound {
namespace {

double sigma_of(double alpha_bar) { return std::sqrt((1 - alpha_bar) / alpha_bar); }

std::string sigma_spacing(const SchedulerConfig& c) { return c.timestep_spacing == "default" ? "linspace" : c.timestep_spacing; }

/// DPM-Solver counts the end as a step of its own, but for trailing spacing.
std::vector<double> dpm_timesteps(const SchedulerConfig& c, int64_t steps) {
  const std::string spacing = sigma_spacing(c);
  if (spacing == "trailing") return spaced_timesteps(spacing, steps, c.num_train_timesteps, 0);
  std::vector<double> timesteps = spaced_timesteps(spacing, steps + 1, c.num_train_timesteps, c.steps_offset);
  timesteps.pop_back();
  return timesteps;
}

}  // namespace

std::vector<double> noise_levels(const NoiseSchedule& schedule, const std::vector<double>& timesteps) {
  std::vector<double> sigmas;
  for (const double t : timesteps) {
    const int64_t below = static_cast<int64_t>(std::floor(t)), above = static_cast<int64_t>(std::ceil(t));
    const double low = sigma_of(schedule.alpha_bar(below));
    sigmas.push_back(low + (sigma_of(schedule.alpha_bar(above)) - low) * (t - static_cast<double>(below)));
  }
  sigmas.push_back(schedule.config().final_sigmas_type == "sigma_min" ? sigma_of(schedule.alpha_bar(0)) : 0.0);
  return sigmas;
}

DpmSolverSampler::DpmSolverSampler(const NoiseSchedule& schedule, int64_t steps) : schedule_(schedule) {
  timesteps_ = dpm_timesteps(schedule.config(), steps);
  sigmas_ = noise_levels(schedule, timesteps_);
}

torch::Tensor DpmSolverSampler::step(const torch::Tensor& prediction, size_t i, const torch::Tensor& latents, const StepNoise&) {
  const SchedulerConfig& c = schedule_.config();
  const auto signal = [](double sigma) { return 1 / std::sqrt(sigma * sigma + 1); };  // sqrt(alpha_bar)
  const double now = sigmas_[i], next = sigmas_[i + 1];
  const torch::Tensor original = denoise(c.prediction_type, prediction, latents, signal(now) * signal(now)).original;
  const bool last = i + 1 == timesteps_.size();
  const bool first_order = !last_original_.defined() || (last && (c.final_sigmas_type == "zero" || (c.lower_order_final && timesteps_.size() < 15)));
  const double h = std::log(now) - std::log(next);  // of log(signal / noise); infinite in a last step to no noise
  const double gain = -signal(next) * std::expm1(-h);
  torch::Tensor result = next * signal(next) / (now * signal(now)) * latents + gain * original;
  if (!first_order) {
    const double ratio = (std::log(sigmas_[i - 1]) - std::log(now)) / h;
    result = result + 0.5 * gain / ratio * (original - last_original_);
  }
  last_original_ = original;
  return result;
}

EulerSampler::EulerSampler(const NoiseSchedule& schedule, int64_t steps) : schedule_(schedule), spacing_(sigma_spacing(schedule.config())) {
  const SchedulerConfig& c = schedule.config();
  timesteps_ = spaced_timesteps(spacing_, steps, c.num_train_timesteps, c.steps_offset, true);
  sigmas_ = noise_levels(schedule, timesteps_);
}

double EulerSampler::init_noise_sigma() const { return spacing_ == "leading" ? std::sqrt(sigmas_[0] * sigmas_[0] + 1) : sigmas_[0]; }

torch::Tensor EulerSampler::scale_input(const torch::Tensor& latents, size_t i) const { return latents / std::sqrt(sigmas_[i] * sigmas_[i] + 1); }

torch::Tensor EulerSampler::step(const torch::Tensor& prediction, size_t i, const torch::Tensor& latents, const StepNoise&) {
  const double sigma = sigmas_[i];
  // latents = original + sigma epsilon here, so that x_t of the training is latents / sqrt(sigma^2 + 1)
  const double alpha_bar = 1 / (sigma * sigma + 1);
  const torch::Tensor original = denoise(schedule_.config().prediction_type, prediction, scale_input(latents, i), alpha_bar).original;
  return latents + (latents - original) * ((sigmas_[i + 1] - sigma) / sigma);
}

}  // namespace defound
