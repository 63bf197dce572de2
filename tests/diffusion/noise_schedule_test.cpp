#include "defound/diffusion/noise_schedule.h"

#include <gtest/gtest.h>

#include "defound/core/error.h"
#include "defound/diffusion/guidance.h"
#include "support/diffusers_golden.h"

namespace defound {
namespace {

using testing::DiffusersGolden;
using testing::relative_error;

SchedulerConfig stable_diffusion() {
  SchedulerConfig config;
  config.beta_start = 0.00085;
  config.beta_end = 0.012;
  config.beta_schedule = "scaled_linear";
  return config;
}

TEST(NoiseSchedule, StableDiffusionsAlphas) {
  const NoiseSchedule schedule(stable_diffusion());
  EXPECT_NEAR(schedule.alpha_bar(0), 0.999150, 5e-7);
  EXPECT_NEAR(schedule.alpha_bar(499), 0.277670, 5e-7);
  EXPECT_NEAR(schedule.alpha_bar(999), 0.0046601, 5e-8);
  EXPECT_THROW(schedule.alpha_bar(1000), Error);
}

TEST(NoiseSchedule, NoisyAndVelocityAsInDiffusers) {
  const DiffusersGolden golden("schedulers.safetensors");
  const NoiseSchedule schedule(stable_diffusion());
  const torch::Tensor clean = golden["clean"], noise = golden["noise"], timesteps = golden["noise_timesteps"];
  EXPECT_LT(relative_error(schedule.add_noise(clean, noise, timesteps), golden["noisy"]), 1e-9);
  EXPECT_LT(relative_error(schedule.velocity(clean, noise, timesteps), golden["velocity"]), 1e-9);
  const torch::Tensor half = schedule.add_noise(clean.to(torch::kFloat32), noise.to(torch::kFloat32), timesteps);
  EXPECT_EQ(half.scalar_type(), torch::kFloat32);
  EXPECT_LT(relative_error(half, golden["noisy"]), 1e-5);
}

TEST(NoiseSchedule, TargetFollowsThePredictionType) {
  const torch::Tensor clean = torch::ones({1, 1, 2, 2}), noise = torch::zeros({1, 1, 2, 2}), timesteps = torch::tensor({500});
  SchedulerConfig config = stable_diffusion();
  EXPECT_TRUE(torch::equal(NoiseSchedule(config).training_target(clean, noise, timesteps), noise));
  config.prediction_type = "sample";
  EXPECT_TRUE(torch::equal(NoiseSchedule(config).training_target(clean, noise, timesteps), clean));
  config.prediction_type = "v_prediction";
  EXPECT_LT(NoiseSchedule(config).training_target(clean, noise, timesteps).max().item<double>(), 0);
}

TEST(NoiseSchedule, MinSnrCapsTheRatio) {
  const NoiseSchedule schedule(stable_diffusion());
  const torch::Tensor weights = schedule.min_snr_weights(torch::tensor({0, 999}), 5);
  const double snr = 0.99915 / 0.00085;
  EXPECT_NEAR(weights[0].item<double>(), 5 / snr, 1e-6);
  EXPECT_EQ(weights[1].item<double>(), 1);
}

/// Weight x ratio is min(ratio, gamma) for noise, and the same over ratio + 1 for velocity (diffusers' train_text_to_image.py).
TEST(NoiseSchedule, MinSnrTakesDiffusersRatios) {
  const DiffusersGolden golden("min_snr.safetensors");
  const torch::Tensor ratios = golden["snr"], capped = ratios.clamp_max(5), timesteps = golden["timesteps"];
  EXPECT_LT(relative_error(NoiseSchedule(stable_diffusion()).min_snr_weights(timesteps, 5) * ratios, capped), 1e-4);
  SchedulerConfig velocity = stable_diffusion();
  velocity.prediction_type = "v_prediction";
  EXPECT_LT(relative_error(NoiseSchedule(velocity).min_snr_weights(timesteps, 5) * (ratios + 1), capped), 1e-4);
}

TEST(Guidance, AsInDiffusers) {
  const DiffusersGolden golden("schedulers.safetensors");
  EXPECT_LT(relative_error(guide(golden["free"], golden["conditional"], {.guidance_scale = 3.5}), golden["guided"]), 1e-9);
  EXPECT_LT(relative_error(guide(golden["free"], golden["conditional"], {.guidance_scale = 3.5, .guidance_rescale = 0.7}), golden["rescaled"]), 1e-9);
}

TEST(Guidance, WeightOneIsTheConditionalAloneAndOthersShareABatch) {
  const torch::Tensor latents = torch::randn({2, 1, 2, 2}), conditional = torch::full({2, 1, 1}, 3.0), unconditional = torch::full({2, 1, 1}, 1.0);
  std::vector<int64_t> batches;
  const Denoiser denoiser = [&](const torch::Tensor& x, double, const torch::Tensor& context) {
    batches.push_back(x.size(0));
    return x * context.unsqueeze(-1);
  };
  const torch::Tensor both = torch::cat({unconditional, conditional});
  EXPECT_TRUE(torch::equal(guided_prediction(denoiser, latents, 1, conditional, both, {.guidance_scale = 1}), 3 * latents));
  EXPECT_TRUE(torch::allclose(guided_prediction(denoiser, latents, 1, conditional, both, {.guidance_scale = 2}), 5 * latents));
  EXPECT_EQ(batches, (std::vector<int64_t>{2, 4}));
  const GuidanceOptions middle{.guidance_scale = 2, .interval_low = 200, .interval_high = 800};
  for (const double timestep : {199.0, 801.0})
    EXPECT_TRUE(torch::equal(guided_prediction(denoiser, latents, timestep, conditional, both, middle), 3 * latents));
  for (const double timestep : {200.0, 800.0})
    EXPECT_TRUE(
        torch::allclose(guided_prediction(denoiser, latents, timestep, conditional, both, middle), 5 * latents));
  EXPECT_EQ(batches, (std::vector<int64_t>{2, 4, 2, 2, 4, 4}));
}

TEST(SchedulerConfig, KnowsTheClassesDefaultsAndRefusesOtherMethods) {
  EXPECT_FALSE(scheduler_config_from_json(Json{{"_class_name", "PNDMScheduler"}}, "s").set_alpha_to_one);
  EXPECT_TRUE(scheduler_config_from_json(Json{{"_class_name", "DDIMScheduler"}}, "s").set_alpha_to_one);
  EXPECT_THROW(scheduler_config_from_json(Json{{"thresholding", true}}, "s"), Error);
  EXPECT_THROW(scheduler_config_from_json(Json{{"beta_schedule", "sigmoid"}}, "s"), Error);
  const Json written = scheduler_config_to_json(stable_diffusion());
  EXPECT_EQ(written["_class_name"], "DDIMScheduler");
  EXPECT_EQ(scheduler_config_to_json(scheduler_config_from_json(written, "s")), written);
}

}  // namespace
}  // namespace defound
