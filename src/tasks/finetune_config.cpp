#include "defound/tasks/finetune.h"

namespace defound {

FinetuneConfig::FinetuneConfig() {  // the paper's fine-tuning, as RETFound's main_finetune.py
  train.epochs = 50;
  train.warmup_epochs = 10;
  train.batch_size = 64;
  train.base_learning_rate = 5e-3;
  train.min_learning_rate = 1e-6;
  train.weight_decay = 0.05;
}

void FinetuneConfig::visit(Visitor& v) {
  v.group("Model");
  v(field("model", "vit_large_patch16, vit_base_patch16, a timm name such as vit_base_patch16_224, small or tiny"), model);
  v(field("input_size", "side of the square input in pixels").range(16, 4096), input_size);
  v(field("patch_size", "side of a patch in pixels; 0: the model's own").range(0, 256), patch_size);
  v(field("depth", "blocks; 0: the model's own").range(0, 256), depth);
  v(field("global_pool", "what the head sees: avg (mean of the patches, then fc_norm) or token (class token)").one_of({"avg", "token"}), global_pool);
  v(field("drop_path", "highest stochastic depth rate; rises linearly over the blocks").range(0, 0.99), drop_path);
  v(field("label_smoothing", "share of the target spread over all classes").range(0, 0.99), label_smoothing);
  v(field("layer_decay", "learning rate of each block relative to the one above").range(0.01, 1), layer_decay);
  v(field("augmentation", "deretfound (flips, rotation, grayscale), mae (random crop, flip) or none").one_of({"deretfound", "mae", "none"}), augmentation);
  v(field("init", "encoder weights: an MAE, timm or RETFound file (.safetensors or .pth), or a run folder; empty: random"), init);
  v(field("shuffle_labels", "train on labels in random order: a control that must end at AUROC 0.5"), shuffle_labels);
  data.visit(v);
  train.visit(v);
  run.visit(v);
  execution.visit(v);
  group.visit(v);
}

}  // namespace defound
