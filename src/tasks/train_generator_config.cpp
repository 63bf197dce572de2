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
  v(field("prompt_template",
          "prompt of rows that have none, for generators that read text; {label}: the label, underscores as spaces; repeat it: "
          "one is drawn each time, the first stands in validation and for the label")
        .whole(),
    prompt_template);
  v(field("prediction_type", "what the network predicts").one_of({"epsilon", "v_prediction"}), prediction_type);
  v(field("beta_schedule", "noise schedule of 1,000 steps").one_of({"linear", "scaled_linear", "squaredcos_cap_v2"}),
    beta_schedule);
  v(field("condition_dropout", "share of images whose condition is dropped, for guidance").range(0, 1), condition_dropout);
  v(field("snr_gamma", "min-SNR loss weighting (Hang et al. 2023), usually 5; 0: none").range(0, 1e6), snr_gamma);
  v(field("noise_offset", "strength of a common offset on each image's noise; 0: none").range(0, 1), noise_offset);
  v(field("gradient_checkpointing",
          "compute layers again in the backward pass: less memory, a third more work; the same result but for rounding")
        .may_change(),
    gradient_checkpointing);
  v.group("Condition mixing");
  v(field("compose_labels", "labels that a manifest joins with | become one prompt, 'a, b', in drawn order"), compose_labels);
  v(field("label_drop", "probability that a label is left out of its image's prompt; without any the condition is dropped")
        .range(0, 1),
    label_drop);
  v(field("condition_mixing_alpha",
          "mix each condition with that of another image, weight from Beta(a, a), the larger half its own; 0: none")
        .range(0, 1000),
    condition_mixing_alpha);
  v.group("Adapter");
  v(field("lora_rank",
          "train only a low-rank adapter (LoRA) of this rank, of the generator that --init names; 0: train the UNet")
        .range(0, 4096),
    lora_rank);
  v(field("lora_alpha", "the adapter is scaled by lora_alpha / lora_rank; unset: lora_rank").range(0, 1e6), lora_alpha);
  v(field("lora_target", "linear layers that get one, by the end of their names, separated by commas"), lora_target);
  v.group("Samples");
  v(field("sample_every", "steps between sample grids (samples/, TensorBoard, report); 0: only at the end")
        .range(0, 1e12)
        .may_change(),
    sample_every);
  v(field("sample_count", "images of each label or prompt in a sample grid, always from the same noise")
        .range(1, 64)
        .may_change(),
    sample_count);
  v(field("sample_prompt", "draw this prompt in the sample grids instead of the labels; repeat for each").whole().may_change(),
    sample_prompt);
  v(field("sample_steps", "DDIM steps of the sample grids").range(1, 1000), sample_steps);
  v(field("guidance_scale", "classifier-free guidance of the sample grids").range(0, 100), guidance_scale);
  data.visit(v);
  train.visit(v);
  run.visit(v);
  execution.visit(v);
  group.visit(v);
}

}  // namespace defound
