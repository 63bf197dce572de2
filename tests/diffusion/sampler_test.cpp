#include "defound/diffusion/sampler.h"

#include <gtest/gtest.h>

#include "defound/core/error.h"
#include "defound/diffusion/ddim_sampler.h"
#include "support/diffusers_golden.h"

namespace defound {
namespace {

using testing::DiffusersGolden;
using testing::relative_error;

const DiffusersGolden& golden() {
  static const DiffusersGolden loaded("schedulers.safetensors");
  return loaded;
}

class SamplerParity : public ::testing::TestWithParam<const char*> {
 protected:
  std::string name_ = GetParam();
  Json case_ = golden().config.at(name_);
  SamplerOptions options_{.sampler = case_["sampler"], .steps = case_["steps"], .eta = case_["eta"].get<double>()};
  NoiseSchedule schedule_{scheduler_config_from_json(case_["config"], name_)};
};

TEST_P(SamplerParity, EveryStepInFloat64) {
  const auto sampler = make_sampler(options_, schedule_);
  const torch::Tensor timesteps = golden()[name_ + ".timesteps"], states = golden()[name_ + ".states"];
  ASSERT_EQ(static_cast<int64_t>(sampler->timesteps().size()), timesteps.size(0));
  const auto given = [&](size_t i, const torch::Tensor&) { return golden()[name_ + ".noises"][static_cast<int64_t>(i)]; };
  torch::Tensor latents = golden()[name_ + ".start"] * sampler->init_noise_sigma();
  for (size_t i = 0; i < sampler->timesteps().size(); ++i) {
    const double t = sampler->timesteps()[i];
    ASSERT_EQ(t, timesteps[static_cast<int64_t>(i)].item<double>());
    latents = sampler->step(sampler->scale_input(latents, i) * t / (t + 1), i, latents, given);
    ASSERT_LT(relative_error(latents, states[static_cast<int64_t>(i)]), 1e-9) << "step " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Diffusers, SamplerParity,
                         ::testing::Values("ddim", "ddim_clip_v", "ddim_eta_trailing", "ddim_sample_linspace", "ddpm", "ddpm_large_v", "ddpm_cosine", "pndm",
                                           "pndm_skip", "pndm_v_linspace", "dpm", "dpm_long_sigma_min", "dpm_v_trailing", "euler", "euler_v_leading"));

/// The sample and the model of diffusers' scheduler tests, ten steps; sum and mean of the absolute values.
struct Loop {
  double sum, mean;
};
Loop diffusers_loop(const std::string& name, SchedulerConfig config, bool scaled_in_place = false) {
  const auto sampler = make_sampler({.sampler = name, .steps = 10}, NoiseSchedule(config));
  torch::Tensor sample = (torch::arange(768, torch::kFloat32) / 768).view({3, 8, 8, 4}).permute({3, 0, 1, 2}) * sampler->init_noise_sigma();
  for (size_t i = 0; i < sampler->timesteps().size(); ++i) {
    const double t = sampler->timesteps()[i];
    const torch::Tensor input = sampler->scale_input(sample, i);
    sample = sampler->step(input * t / (t + 1), i, scaled_in_place ? input : sample, {});
  }
  return {sample.abs().sum().item<double>(), sample.abs().mean().item<double>()};
}

TEST(SamplerConstants, OfDiffusersOwnTests) {
  SchedulerConfig config;
  EXPECT_NEAR(diffusers_loop("ddim", config).sum, 172.0067, 1e-2);
  EXPECT_NEAR(diffusers_loop("ddim", config).mean, 0.223967, 1e-3);
  SchedulerConfig no_one = config;
  no_one.set_alpha_to_one = false;
  EXPECT_NEAR(diffusers_loop("pndm", no_one).sum, 198.1318, 1e-2);
  EXPECT_NEAR(diffusers_loop("pndm", no_one).mean, 0.2580, 1e-3);
  SchedulerConfig high_order = config;
  high_order.lower_order_final = false;
  high_order.final_sigmas_type = "sigma_min";
  EXPECT_NEAR(diffusers_loop("dpmpp_2m", high_order).mean, 0.3301, 1e-3);
  SchedulerConfig euler = config;
  euler.num_train_timesteps = 1100;
  EXPECT_NEAR(diffusers_loop("euler", euler, true).sum, 10.0807, 1e-2);
  EXPECT_NEAR(diffusers_loop("euler", euler, true).mean, 0.0131, 1e-3);
}

TEST(SamplerConstants, VelocityAndAlphaToOne) {
  SchedulerConfig velocity;
  velocity.prediction_type = "v_prediction";
  EXPECT_NEAR(diffusers_loop("ddim", velocity).sum, 52.5302, 1e-2);
  EXPECT_NEAR(diffusers_loop("ddim", velocity).mean, 0.0684, 1e-3);
  SchedulerConfig high_order = velocity;
  high_order.lower_order_final = false;
  high_order.final_sigmas_type = "sigma_min";
  EXPECT_NEAR(diffusers_loop("dpmpp_2m", high_order).mean, 0.2251, 1e-3);
  SchedulerConfig high_beta;
  high_beta.beta_start = 0.01;
  EXPECT_NEAR(diffusers_loop("ddim", high_beta).sum, 149.8295, 1e-2);
  EXPECT_NEAR(diffusers_loop("pndm", high_beta).sum, 230.0399, 1e-2);
  high_beta.set_alpha_to_one = false;
  EXPECT_NEAR(diffusers_loop("ddim", high_beta).sum, 149.0784, 1e-2);
  EXPECT_NEAR(diffusers_loop("pndm", high_beta).sum, 186.9482, 1e-2);
}

TEST(DdimSampler, VarianceAsInDiffusersTest) {
  const DdimSampler sampler(NoiseSchedule(SchedulerConfig()), 50, 0);
  EXPECT_NEAR(sampler.variance(420, 400), 0.14771, 1e-5);
  EXPECT_NEAR(sampler.variance(980, 960), 0.32460, 1e-5);
  EXPECT_NEAR(sampler.variance(487, 486), 0.00979, 1e-5);
  EXPECT_NEAR(sampler.variance(999, 998), 0.02, 1e-5);
}

TEST(Sampler, TimestepsAsInDiffusersTests) {
  SchedulerConfig config;
  config.steps_offset = 1;
  const auto values = [&](const std::string& name, int64_t steps) {
    const auto sampler = make_sampler({.sampler = name, .steps = steps}, NoiseSchedule(config));
    return std::vector<double>(sampler->timesteps().begin(), sampler->timesteps().end());
  };
  EXPECT_EQ(values("ddim", 5), (std::vector<double>{801, 601, 401, 201, 1}));
  EXPECT_EQ(values("pndm", 10), (std::vector<double>{901, 851, 851, 801, 801, 751, 751, 701, 701, 651, 651, 601, 601, 501, 401, 301, 201, 101, 1}));
  config.skip_prk_steps = true;
  EXPECT_EQ(values("pndm", 4), (std::vector<double>{751, 501, 501, 251, 1}));
}

TEST(Sampler, NoiseOfARowDependsOnItsIdOnly) {
  const Draws draws(3, "sample");
  const torch::Tensor like = torch::zeros({3, 2, 4, 4});
  const torch::Tensor three = step_noise(draws, {5, 6, 7})(2, like), one = step_noise(draws, {6})(2, like.slice(0, 0, 1));
  EXPECT_TRUE(torch::equal(three[1], one[0]));
  EXPECT_FALSE(torch::equal(three[0], three[1]));
  EXPECT_FALSE(torch::equal(step_noise(draws, {6})(3, like.slice(0, 0, 1)), one));
}

void expect_rejected(const SamplerOptions& options, const SchedulerConfig& config, const std::string& part) {
  try {
    make_sampler(options, NoiseSchedule(config));
    FAIL() << "accepted; expected " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kUsage);
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

TEST(Sampler, RefusesWhatCannotBe) {
  SchedulerConfig config;
  expect_rejected({.sampler = "dim"}, config, "did you mean 'ddim'");
  expect_rejected({.steps = 1001}, config, "1 to 1000");
  expect_rejected({.steps = 0}, config, "1 to 1000");
  expect_rejected({.eta = 1.5}, config, "eta");
  expect_rejected({.sampler = "euler", .eta = 0.5}, config, "eta");
  expect_rejected({.sampler = "pndm", .steps = 3}, config, "at least 4");
  config.steps_offset = 1;
  expect_rejected({.steps = 1000}, config, "steps_offset");
  config.prediction_type = "sample";
  expect_rejected({.sampler = "pndm"}, config, "prediction_type");
}

}  // namespace
}  // namespace defound
