#pragma once
#include <torch/torch.h>

#include "defound/tensor/safetensors.h"

namespace defound {

/// Counts steps that were skipped because the loss or its gradient was not finite, on the device until read.
class SkippedSteps {
 public:
  static constexpr int64_t kMostInARow = 5;   ///< then the run is stopped
  explicit SkippedSteps(torch::Device device);
  /// `bad`: device scalar, 1 when the step counts as failed.
  void update(const torch::Tensor& bad);

  struct Count {
    int64_t total = 0;
    int64_t most_in_a_row = 0;    ///< since the start of this process
  };
  Count read() const;             ///< waits for the device

  void save(TensorMap& state) const;
  void load(const TensorMap& state);

 private:
  torch::Tensor total_, in_a_row_, most_in_a_row_;
};

}  // namespace defound
