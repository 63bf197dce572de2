#include "defound/diffusion/noise_schedule.h"

#include <cmath>
#include <numbers>

#include "defound/core/error.h"

namespace defound {
namespace {

torch::Tensor cosine_betas(int64_t steps) {  // Nichol and Dhariwal, ICML 2021, equation 17
  const auto alpha_bar = [](double time) { return std::pow(std::cos((time + 0.008) / 1.008 * std::numbers::pi / 2), 2); };
  std::vector<double> betas;
  for (int64_t i = 0; i < steps; ++i) {
    const double now = static_cast<double>(i) / static_cast<double>(steps), next = static_cast<double>(i + 1) / static_cast<double>(steps);
    betas.push_back(std::min(1 - alpha_bar(next) / alpha_bar(now), 0.999));
  }
  return torch::tensor(betas, torch::kFloat64);
}

torch::Tensor make_betas(const SchedulerConfig& c) {
  const auto between = [&](double first, double last) { return torch::linspace(first, last, c.num_train_timesteps, torch::kFloat64); };
  if (c.beta_schedule == "linear") return between(c.beta_start, c.beta_end);
  if (c.beta_schedule == "scaled_linear") return between(std::sqrt(c.beta_start), std::sqrt(c.beta_end)).square();
  if (c.beta_schedule == "squaredcos_cap_v2") return cosine_betas(c.num_train_timesteps);
  reject("beta_schedule is '{}'; it must be linear, scaled_linear or squaredcos_cap_v2", c.beta_schedule);
}

/// values[timesteps] in the type and on the device of `like`, shaped [N, 1, ...].
torch::Tensor coefficients(const torch::Tensor& values, const torch::Tensor& timesteps, const torch::Tensor& like) {
  std::vector<int64_t> shape(static_cast<size_t>(like.dim()), 1);
  shape[0] = timesteps.numel();
  return values.index_select(0, timesteps.to(torch::kCPU, torch::kInt64)).to(like.options()).view(shape);
}

}  // namespace

NoiseSchedule::NoiseSchedule(const SchedulerConfig& config) : config_(config), alphas_cumprod_((1 - make_betas(config)).cumprod(0)) {}

double NoiseSchedule::alpha_bar(int64_t t) const {
  if (t < 0 || t >= num_train_timesteps()) reject("timestep {} is outside 0..{}; take fewer steps or a smaller steps_offset", t, num_train_timesteps() - 1);
  return alphas_cumprod_.data_ptr<double>()[t];
}

torch::Tensor NoiseSchedule::add_noise(const torch::Tensor& clean, const torch::Tensor& noise, const torch::Tensor& timesteps) const {
  return coefficients(alphas_cumprod_.sqrt(), timesteps, clean) * clean + coefficients((1 - alphas_cumprod_).sqrt(), timesteps, clean) * noise;
}

torch::Tensor NoiseSchedule::velocity(const torch::Tensor& clean, const torch::Tensor& noise, const torch::Tensor& timesteps) const {
  return coefficients(alphas_cumprod_.sqrt(), timesteps, clean) * noise - coefficients((1 - alphas_cumprod_).sqrt(), timesteps, clean) * clean;
}

torch::Tensor NoiseSchedule::training_target(const torch::Tensor& clean, const torch::Tensor& noise, const torch::Tensor& timesteps) const {
  if (config_.prediction_type == "epsilon") return noise;
  if (config_.prediction_type == "v_prediction") return velocity(clean, noise, timesteps);
  return clean;
}

torch::Tensor NoiseSchedule::min_snr_weights(const torch::Tensor& timesteps, double snr_gamma) const {
  const torch::Tensor snr = (alphas_cumprod_ / (1 - alphas_cumprod_)).index_select(0, timesteps.to(torch::kCPU, torch::kInt64));
  const torch::Tensor capped = snr.clamp_max(snr_gamma);
  const torch::Tensor weights = config_.prediction_type == "epsilon" ? capped / snr : config_.prediction_type == "v_prediction" ? capped / (snr + 1) : capped;
  return weights.to(timesteps.device(), torch::kFloat32);
}

}  // namespace defound
