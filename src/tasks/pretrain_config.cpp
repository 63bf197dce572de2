#include "defound/tasks/pretrain.h"

namespace defound {

PretrainConfig::PretrainConfig() {  // facebookresearch/mae PRETRAIN.md, as the paper used it
  train.epochs = 200;
  train.warmup_epochs = 20;
  train.batch_size = 1792;
  train.micro_batch_size = 64;
  train.base_learning_rate = 1.5e-4;
  train.weight_decay = 0.05;
  train.adam_beta1 = 0.9;
  train.adam_beta2 = 0.95;
}

void PretrainConfig::visit(Visitor& v) {
  v.group("Model");
  v(field("model", "mae_vit_large_patch16, mae_vit_base_patch16, mae_vit_huge_patch14, small or tiny"), model);
  v(field("input_size", "side of the square input in pixels").range(16, 4096), input_size);
  v(field("patch_size", "side of a patch in pixels; 0: the model's own").range(0, 256), patch_size);
  v(field("depth", "encoder blocks; 0: the model's own").range(0, 256), depth);
  v(field("mask_ratio", "share of patches hidden from the encoder").range(0.01, 0.99), mask_ratio);
  v(field("norm_pix_loss", "the target is each patch with its own mean and variance taken out"), norm_pix_loss);
  v(field("init", "start from the weights of this MAE file (.safetensors or .pth) or run folder (--resume continues a run, --init starts one)"), init);
  v(field("init_decoder", "decoder weights from the --init file, or random when it has none").one_of({"file", "random"}), init_decoder);
  data.visit(v);
  train.visit(v);
  run.visit(v);
  execution.visit(v);
  group.visit(v);
}

}  // namespace defound
