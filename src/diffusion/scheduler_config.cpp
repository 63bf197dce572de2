#include "defound/diffusion/scheduler_config.h"

#include <algorithm>
#include <array>

#include "defound/config/diffusers_config.h"

namespace defound {

void SchedulerConfig::visit(Visitor& v) {
  v(field("num_train_timesteps", "noise levels of the training").range(1, 1 << 20), num_train_timesteps);
  v(field("beta_start", "variance added in the first step").range(0, 1), beta_start);
  v(field("beta_end", "variance added in the last step").range(0, 1), beta_end);
  v(field("beta_schedule", "how the betas lie between").one_of({"linear", "scaled_linear", "squaredcos_cap_v2"}), beta_schedule);
  v(field("prediction_type", "what the model predicts").one_of({"epsilon", "v_prediction", "sample"}), prediction_type);
  v(field("clip_sample", "clip the predicted image"), clip_sample);
  v(field("clip_sample_range", "largest magnitude of the predicted image").range(0, 1e9), clip_sample_range);
  v(field("set_alpha_to_one", "no noise after the last step"), set_alpha_to_one);
  v(field("steps_offset", "added to the timesteps").range(0, 1 << 20), steps_offset);
  v(field("timestep_spacing", "how the steps are spread").one_of({"default", "leading", "trailing", "linspace"}), timestep_spacing);
  v(field("skip_prk_steps", "no Runge-Kutta warm-up"), skip_prk_steps);
  v(field("variance_type", "variance of DDPM's steps").one_of({"fixed_small", "fixed_large"}), variance_type);
  v(field("lower_order_final", "first order at the end of short runs"), lower_order_final);
  v(field("final_sigmas_type", "noise after the last step").one_of({"zero", "sigma_min"}), final_sigmas_type);
}

SchedulerConfig scheduler_config_from_json(const Json& given, const std::string& origin) {
  SchedulerConfig config;
  Json values = given;
  if (values.is_object() && values.contains("variance_type") && values["variance_type"].is_null()) values.erase("variance_type");  // as DPM-Solver has it
  const std::string class_name = values.is_object() ? values.value("_class_name", "DDIMScheduler") : "";
  constexpr std::array kClasses = {"DDPMScheduler", "PNDMScheduler", "DPMSolverMultistepScheduler", "EulerDiscreteScheduler"};
  if (std::find(kClasses.begin(), kClasses.end(), class_name) != kClasses.end()) config.class_name = class_name;  // others are saved as DDIM
  config.set_alpha_to_one = class_name != "PNDMScheduler";  // the only default in which the classes differ
  read_diffusers_config(config, values, class_name,
                        {{"trained_betas", {nullptr}},
                         {"thresholding", {false}},
                         {"rescale_betas_zero_snr", {false}},
                         {"algorithm_type", {"dpmsolver++"}},
                         {"solver_order", {2}},
                         {"solver_type", {"midpoint"}},
                         {"euler_at_final", {false}},
                         {"use_karras_sigmas", {false, nullptr}},
                         {"use_exponential_sigmas", {false, nullptr}},
                         {"use_beta_sigmas", {false, nullptr}},
                         {"use_lu_lambdas", {false, nullptr}},
                         {"use_flow_sigmas", {false, nullptr}},
                         {"interpolation_type", {"linear"}},
                         {"timestep_type", {"discrete"}},
                         {"sigma_min", {nullptr}},
                         {"sigma_max", {nullptr}}},
                        origin);
  return config;
}

Json scheduler_config_to_json(SchedulerConfig config) {
  Json values = write_diffusers_config(config, config.class_name);
  if (config.timestep_spacing == "default") values.erase("timestep_spacing");
  return values;
}

}  // namespace defound
