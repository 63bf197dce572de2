#include "defound/config/families.h"

namespace defound {

void ExecutionOptions::visit(Visitor& v) {
  v.group("Execution");
  v(field("device", "auto, cpu, cuda or cuda:N").may_change(), device);
  v(field("precision", "number format of the matrix products: fp32, bf16, fp16; fp64 to check numbers").one_of({"fp32", "bf16", "fp16", "fp64"}), precision);
  v(field("threads", "threads for computing; 0: one for each core").range(0, 1024).may_change(), threads);
  v(field("num_workers", "threads that decode images ahead; 0: none").range(0, 256).may_change(), num_workers);
  v(field("log_level", "what goes to stderr: debug, info, warn, error, off").one_of({"debug", "info", "warn", "error", "off"}).may_change(), log_level);
  v(field("dry_run", "check config and data, print parameters, steps, memory, FLOPs and disk, then leave").may_change(), dry_run);
}

void DataOptions::visit(Visitor& v) {
  v.group("Data");
  v(field("data", "class folder tree, manifest.csv, or shards ('shards/*.tar', quoted); repeat for more than one"), data);
  v(field("split", "only rows of this split: train, val or test; empty: the command's own choice"), split);
  v(field("labels", "only these labels, in this order, separated by commas"), labels);
  v(field("label_column", "manifest column that holds the label"), label_column);
  v(field("bad_images", "an unreadable image is skipped (and listed in bad_files.csv) or fails the run").one_of({"skip", "fail"}), bad_images);
}

void RunOptions::visit(Visitor& v) {
  v.group("Run");
  v(field("output", "the run's folder; made when missing").may_change(), output);
  v(field("resume", "never: refuse a folder in use; auto: start or continue; must: continue").one_of({"never", "auto", "must"}).may_change(), resume);
  v(field("seed", "all randomness follows from it").range(0, 9.0e18), seed);
}

void GroupOptions::visit(Visitor& v) {
  v.group("Several processes");
  v(field("timeout_seconds", "seconds without a sign of life, or in one transfer, after which all processes give up").range(1, 1e6).may_change(), timeout_seconds);
}

void TrainOptions::visit(Visitor& v) {
  v.group("Training");
  v(field("epochs", "passes over the data; 0.5 is half a pass").range(0, 1e9), epochs);
  v(field("max_train_steps", "optimizer steps in all; 0: as many as epochs needs").range(0, 1e12), max_train_steps);
  v(field("warmup_epochs", "epochs over which the rate rises linearly from 0").range(0, 1e9), warmup_epochs);
  v(field("batch_size", "images per optimizer step, over all ranks and accumulation").range(1, 1e9), batch_size);
  v(field("micro_batch_size", "images per forward pass on one device; 0: batch_size").range(0, 1e9), micro_batch_size);
  v(field("base_learning_rate", "learning rate for a batch of 256: rate = base x batch_size / 256").range(0, 1e6), base_learning_rate);
  v(field("learning_rate", "learning rate as it is, instead of base_learning_rate").range(0, 1e6), learning_rate);
  v(field("lr_scheduler", "cosine (half a cosine down to min_learning_rate) or constant, both after the warm-up").one_of({"cosine", "constant"}), lr_scheduler);
  v(field("min_learning_rate", "lowest rate of the cosine").range(0, 1e6), min_learning_rate);
  v(field("weight_decay", "AdamW weight decay (none on biases and norms)").range(0, 1e3), weight_decay);
  v(field("adam_beta1", "AdamW beta1").range(0, 1), adam_beta1);
  v(field("adam_beta2", "AdamW beta2").range(0, 1), adam_beta2);
  v(field("max_grad_norm", "clip the gradient to this norm; 0: no clipping").range(0, 1e9), max_grad_norm);
  v(field("shard_optimizer", "spread AdamW's moments, fp32 masters and EMA over the processes (ZeRO stage 1), and write checkpoints in as many parts: "
          "less memory, the same numbers").may_change(), shard_optimizer);
  v(field("ema_decay", "decay of the moving average of the weights, which is then the product; 0: none").range(0, 1), ema_decay);
  v(field("max_seconds", "save and leave with 75 after so many seconds; 0: no limit").range(0, 1e9).may_change(), max_seconds);
  v(field("checkpoint_minutes", "minutes between checkpoints").range(0, 1e6).may_change(), checkpoint_minutes);
  v(field("keep_checkpoints", "number of newest checkpoints kept").range(1, 1000).may_change(), keep_checkpoints);
  v(field("log_every", "steps between rows of metrics.jsonl").range(1, 1e9).may_change(), log_every);
  v(field("validate_epochs", "epochs between validations").range(0, 1e9), validate_epochs);
  v(field("stage_data", "copy images and shards to TMPDIR on each machine first, for slow network file systems").may_change(), stage_data);
}

}  // namespace defound
