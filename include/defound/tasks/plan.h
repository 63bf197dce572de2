#pragma once
#include <cstdint>
#include <string>

#include "defound/config/families.h"

namespace defound {

/// What --dry_run says of a training: known before the first step is computed.
struct TrainingPlan {
  std::string model;                       ///< name and sizes, for people
  int64_t parameters = 0;                  ///< all, with fixed position tables
  int64_t trained = 0;                     ///< those that the optimizer moves
  int64_t saved = 0;                       ///< in all files of the product together
  double flops_per_image = 0;              ///< forward and backward; a multiply-add counts as 2
  double frozen_flops_per_image = 0;       ///< forward of frozen parts (autoencoder, text encoder)
  double activation_bytes_per_image = 0;   ///< what the backward pass keeps; 0: not estimated
  int64_t images = 0;                      ///< in the training split
  int64_t steps = 0;                       ///< optimizer steps
};

/// A table: parameters, images, steps, batch, rate, work in all, memory (weights, gradients, optimizer, activations),
/// disk (checkpoints and product), hours on kinds of GPU; and where `run` is the folder of an earlier start, the hours that its
/// measured rate comes to.
std::string describe_plan(const TrainingPlan& plan, const TrainOptions& train, const std::string& precision, const std::string& run);

/// "1.23 GB", "456 MB"; decimal units.
std::string bytes_text(double bytes);
/// 329541888 -> "329,541,888".
std::string thousands(int64_t value);
/// 1.245e11 -> "124.5 GFLOP".
std::string flops_text(double flops);

}  // namespace defound
