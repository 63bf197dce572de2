#include "defound/diffusion/ddim_sampler.h"

#include <cmath>

#include "defound/diffusion/prediction.h"
#include "defound/diffusion/timestep_spacing.h"

namespace defound {

DdimSampler::DdimSampler(const NoiseSchedule& schedule, int64_t steps, double eta) : schedule_(schedule), eta_(eta) {
  const SchedulerConfig& c = schedule.config();
  timesteps_ = spaced_timesteps(c.timestep_spacing == "default" ? "leading" : c.timestep_spacing, steps, c.num_train_timesteps, c.steps_offset);
  stride_ = c.num_train_timesteps / steps;
}

double DdimSampler::alpha_bar_or_final(int64_t t) const {
  if (t >= 0) return schedule_.alpha_bar(t);
  return schedule_.config().set_alpha_to_one ? 1.0 : schedule_.alpha_bar(0);
}

double DdimSampler::variance(int64_t t, int64_t previous) const {
  const double now = schedule_.alpha_bar(t), then = alpha_bar_or_final(previous);
  return (1 - then) / (1 - now) * (1 - now / then);
}

torch::Tensor DdimSampler::step(const torch::Tensor& prediction, size_t i, const torch::Tensor& latents, const StepNoise& noise) {
  const SchedulerConfig& c = schedule_.config();
  const int64_t t = static_cast<int64_t>(timesteps_[i]), previous = t - stride_;
  Denoised denoised = denoise(c.prediction_type, prediction, latents, schedule_.alpha_bar(t));
  if (c.clip_sample) denoised.original = denoised.original.clamp(-c.clip_sample_range, c.clip_sample_range);
  const double then = alpha_bar_or_final(previous), deviation = eta_ * std::sqrt(variance(t, previous));
  torch::Tensor next = std::sqrt(then) * denoised.original + std::sqrt(1 - then - deviation * deviation) * denoised.epsilon;
  return eta_ > 0 ? next + deviation * noise(i, latents) : next;
}

}  // namespace defound
