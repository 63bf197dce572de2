#pragma once
#include <torch/torch.h>

#include <string>
#include <vector>

#include "defound/dist/group.h"
#include "defound/run/metrics_log.h"
#include "defound/tensor/safetensors.h"
#include "defound/train/objective.h"
#include "defound/train/votes.h"

namespace defound {

/// Means of the losses over the steps since they were last logged. Sums stay on the device until then; skipped steps
/// do not count. Part of the checkpoint, so that a resumed run logs the same numbers.
class LossMeans {
 public:
  explicit LossMeans(torch::Device device);
  /// One micro-batch that holds `share` of the step's rows. Fails when the losses' names change.
  void add(const Losses& losses, double share);
  /// After a step's last micro-batch: adds up over the group. The votes go along; their counts, [2] on the device.
  torch::Tensor sum(Group& group, Vote vote);
  /// This step's minimised loss so far: a device scalar.
  torch::Tensor step_loss() const { return step_[0]; }
  /// `skip`: device scalar, 1 when the step was skipped.
  void end_step(const torch::Tensor& skip);
  /// The means, reading the device; starts anew. NaN when every step was skipped.
  NamedValues take();

  void save(TensorMap& state) const;
  void load(const TensorMap& state);

 private:
  std::vector<std::string> names_;
  torch::Tensor step_;    ///< [losses] of the step in hand; fp64, as the next
  torch::Tensor sums_;    ///< [losses] over whole steps
  torch::Tensor steps_;   ///< how many
};

}  // namespace defound
