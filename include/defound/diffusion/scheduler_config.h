#pragma once
#include <cstdint>
#include <string>

#include "defound/config/json.h"

namespace defound {

/// The fields of diffusers' scheduler_config.json (schedulers/scheduling_ddim.py and its siblings) that are used here:
/// the noise of the training, and how samplers walk through it.
struct SchedulerConfig : Config {
  std::string class_name = "DDIMScheduler"; ///< diffusers' class, for the folder's next reader; our samplers are chosen by option
  int64_t num_train_timesteps = 1000;
  double beta_start = 0.0001, beta_end = 0.02;
  std::string beta_schedule = "linear";
  std::string prediction_type = "epsilon";
  bool clip_sample = true;                  ///< DDIM and DDPM: the predicted image is clipped
  double clip_sample_range = 1;
  bool set_alpha_to_one = true;             ///< DDIM and PNDM: no noise after the last step, instead of that of step 0
  int64_t steps_offset = 0;                 ///< added to the timesteps ("leading" spacing)
  std::string timestep_spacing = "default"; ///< "default": leading, but linspace for dpmpp_2m and euler, as in diffusers
  bool skip_prk_steps = false;              ///< PNDM: no Runge-Kutta warm-up
  std::string variance_type = "fixed_small";///< DDPM
  bool lower_order_final = true;            ///< DPM-Solver++: first order in the last step of short runs
  std::string final_sigmas_type = "zero";   ///< DPM-Solver++, Euler
  void visit(Visitor& v) override;
};

/// From a scheduler_config.json's values, whatever scheduler class wrote it. Rejects (exit 2) by name what is not
/// implemented (trained_betas, thresholding, other spacings of sigma, ...).
SchedulerConfig scheduler_config_from_json(const Json& values, const std::string& origin);
/// As diffusers' class of that name reads it.
Json scheduler_config_to_json(SchedulerConfig config);

}  // namespace defound
