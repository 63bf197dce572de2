#pragma once
#include "defound/config/visit.h"

namespace defound {

/// Options that every command has.
struct ExecutionOptions {
  std::string device = "auto";
  std::string precision = "fp32";
  int64_t threads = 0;
  int64_t num_workers = 2;
  std::string log_level = "info";
  bool dry_run = false;
  void visit(Visitor& v);
};

/// Where images come from.
struct DataOptions {
  std::vector<std::string> data;
  std::string split;
  std::vector<std::string> labels;
  std::string label_column = "label";
  std::string bad_images = "skip";
  void visit(Visitor& v);
};

/// A run folder.
struct RunOptions {
  std::string output;
  std::string resume = "never";
  int64_t seed = 0;
  void visit(Visitor& v);
};

/// Processes that work together (see dist/group.h).
struct GroupOptions {
  double timeout_seconds = 300;
  void visit(Visitor& v);
};

/// What the training loop needs; each task sets its own defaults before it visits.
struct TrainOptions {
  double epochs = 200;                        ///< may be a fraction: 0.5 is half an epoch
  int64_t max_train_steps = 0;                ///< > 0: instead of epochs
  double warmup_epochs = 0;
  int64_t batch_size = 64;
  int64_t micro_batch_size = 0;               ///< 0: batch_size
  double base_learning_rate = 1.5e-4;
  std::optional<double> learning_rate;        ///< set: used as it is
  std::string lr_scheduler = "cosine";        ///< cosine | constant
  double min_learning_rate = 0;
  double weight_decay = 0.05;
  double adam_beta1 = 0.9, adam_beta2 = 0.999;
  double max_grad_norm = 0;                   ///< 0: no clipping
  bool shard_optimizer = false;               ///< over the processes
  double ema_decay = 0;                       ///< 0: no EMA
  double max_seconds = 0;                     ///< 0: no limit
  double checkpoint_minutes = 10;
  int64_t keep_checkpoints = 2;
  int64_t log_every = 10;
  double validate_epochs = 1;                 ///< validation after each so many epochs
  bool stage_data = false;
  void visit(Visitor& v);
};

}  // namespace defound
