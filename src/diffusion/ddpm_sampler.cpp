#include "defound/diffusion/ddpm_sampler.h"

#include <algorithm>
#include <cmath>

#include "defound/diffusion/prediction.h"
#include "defound/diffusion/timestep_spacing.h"

namespace defound {

DdpmSampler::DdpmSampler(const NoiseSchedule& schedule, int64_t steps) : schedule_(schedule) {
  const SchedulerConfig& c = schedule.config();
  timesteps_ = spaced_timesteps(c.timestep_spacing == "default" ? "leading" : c.timestep_spacing, steps, c.num_train_timesteps, c.steps_offset);
}

torch::Tensor DdpmSampler::step(const torch::Tensor& prediction, size_t i, const torch::Tensor& latents, const StepNoise& noise) {
  const SchedulerConfig& c = schedule_.config();
  const int64_t t = static_cast<int64_t>(timesteps_[i]);
  const double now = schedule_.alpha_bar(t);
  const double then = i + 1 < timesteps_.size() ? schedule_.alpha_bar(static_cast<int64_t>(timesteps_[i + 1])) : 1.0;
  const double beta = 1 - now / then;
  torch::Tensor original = denoise(c.prediction_type, prediction, latents, now).original;
  if (c.clip_sample) original = original.clamp(-c.clip_sample_range, c.clip_sample_range);
  const torch::Tensor mean = std::sqrt(then) * beta / (1 - now) * original + std::sqrt(1 - beta) * (1 - then) / (1 - now) * latents;
  if (t == 0) return mean;
  const double variance = c.variance_type == "fixed_large" ? beta : std::max((1 - then) / (1 - now) * beta, 1e-20);
  return mean + std::sqrt(variance) * noise(i, latents);
}

}  // namespace defound
