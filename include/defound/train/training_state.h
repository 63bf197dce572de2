#pragma once
#include <optional>

#include "defound/train/checkpoint.h"
#include "defound/train/ema.h"
#include "defound/train/gradients.h"
#include "defound/train/loop.h"
#include "defound/train/loss_scale.h"
#include "defound/train/losses.h"
#include "defound/train/master_weights.h"
#include "defound/train/optimizer.h"
#include "defound/train/skipped_steps.h"

namespace defound {

/// What changes from step to step, and the step itself.
class TrainingState {
 public:
  /// Moves and casts the objective's model (see MasterWeights).
  TrainingState(Objective& objective, const LoopOptions& options, Group& group);

  /// One optimizer step on `batch` (on the device), this process's rows of the `rows` of all: micro-batches forward and
  /// backward, each weighted by its share of all rows, summed over the group, then clipping, AdamW and EMA. Where loss or
  /// gradient is not finite, weights and optimizer stay as they are, on all processes; decided on the device.
  void advance(const Batch& batch, int64_t rows, double rate, Vote vote = {});

  /// What a product is made of: EMA when there is one, else the masters.
  const std::vector<torch::Tensor>& product_values() const { return ema ? ema->values() : weights.masters(); }

  /// The leader's state for all. A group calls it before the first step.
  void broadcast();

  /// Sharded, what this process owns; what belongs to no parameter comes from the leader.
  Checkpoint checkpoint() const;
  void restore(const Checkpoint& checkpoint);

  int64_t step = 0;                 ///< steps done
  Position position;                ///< of the next sample
  std::optional<double> best;       ///< best validation so far
  int64_t best_step = 0;
  torch::Tensor grad_norm;          ///< of the last step, before clipping: a device scalar
  torch::Tensor votes;              ///< of the last step, counted over the group; undefined when alone
  double waited = 0;                ///< seconds of the last step spent on waiting for the other processes
  Ownership ownership;
  MasterWeights weights;
  Gradients gradients;
  AdamW optimizer;
  std::optional<Ema> ema;
  LossScale loss_scale;
  SkippedSteps skipped;
  LossMeans losses;

 private:
  void backward(const Batch& part, double share);
  Objective& objective_;
  Group& group_;
  Draws draws_;
  int64_t micro_batch_size_;
  double max_grad_norm_;
};

}  // namespace defound
