#include "defound/tasks/train_generator.h"

namespace defound {

TrainGeneratorConfig::TrainGeneratorConfig() {
  train.max_train_steps = 60000;
  train.batch_size = 64;
  train.learning_rate = 1e-4;
  train.lr_scheduler = "constant";
  train.weight_decay = 0.01;
  train.max_grad_norm = 1;
  train.ema_decay = 0.9999;
  train.validate_epochs = 0;
}

void TrainGeneratorConfig::visit(Visitor& v) {
  v.group("Generator");
  v(field("unet", "tiny, small (pixel space, from random weights), or a diffusers unet config.json"), unet);
  v(field("resolution", "side of the images in pixels").range(8, 4096), resolution);
  v(field("init", "start from this generator folder, ours or Stable Diffusion 1.x as diffusers has it"), init);
  v(field("cached_latents", "train on this folder of defound-data cache-latents instead of --data"), cached_latents);
  v(field("prompt_template", "prompt of rows that have none, for generators that read text; {label}: the label, underscores as spaces"), prompt_template);
  v(field("prediction_type", "what the network predicts").one_of({"epsilon", "v_prediction"}), prediction_type);
  v(field("beta_schedule", "noise schedule of 1,000 steps").one_of({"linear", "scaled_linear", "squaredcos_cap_v2"}), beta_schedule);
  v(field("condition_dropout", "share of images whose condition is dropped, for guidance").range(0, 1), condition_dropout);
  v(field("snr_gamma", "min-SNR loss weighting (Hang et al. 2023), usually 5; 0: none").range(0, 1e6), snr_gamma);
  v(field("noise_offset", "strength of a common offset on each image's noise; 0: none").range(0, 1), noise_offset);
  v(field("sample_steps", "DDIM steps of the sample grids").range(1, 1000), sample_steps);
  v(field("guidance_scale", "classifier-free guidance of the sample grids").range(0, 100), guidance_scale);
  data.visit(v);
  train.visit(v);
  run.visit(v);
  execution.visit(v);
}

}  // namespace defound
