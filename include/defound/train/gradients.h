#pragma once
#include <torch/torch.h>

#include <memory>
#include <vector>

#include "defound/dist/bucketed_sum.h"
#include "defound/train/master_weights.h"

namespace defound {

/// The gradient of one optimizer step, summed in the masters' precision over its micro-batches (in fp32 that is autograd's
/// own sum) and over the processes of a group.
class Gradients {
 public:
  Gradients(const MasterWeights& weights, Group& group);
  ~Gradients();
  Gradients(const Gradients&) = delete;
  Gradients& operator=(const Gradients&) = delete;

  /// Before the backward pass of a step's last micro-batch: its gradients leave for the other processes as they come.
  void begin_last();
  /// After each micro-batch's backward pass.
  void add();
  /// After the last: waits for the other processes. Seconds spent on that.
  double finish();
  /// Gradients in the order of the masters; undefined where the loss did not reach the parameter.
  const std::vector<torch::Tensor>& sums();
  /// Euclidean norm over all of them: an fp32 device scalar, not finite when any of them is not.
  torch::Tensor norm();
  /// Multiplies all by a device scalar or a number.
  void scale(const torch::Tensor& factor);
  void clear();

  /// "reduce/order": how the sums over processes were arranged.
  void save(TensorMap& state) const;
  void load(const TensorMap& state);
  /// The leader's arrangement, for all.
  void broadcast(Group& group);

 private:
  std::vector<torch::Tensor> present();
  void add(size_t index);
  void leave(size_t index);
  const MasterWeights& weights_;
  std::vector<torch::Tensor> sums_;
  std::unique_ptr<BucketedSum> over_processes_;   ///< none when alone
  bool is_last_ = false;
};

/// The factor that brings a gradient of this norm down to `max_norm` (1 when it is below); as torch's clip_grad_norm_.
torch::Tensor clip_factor(const torch::Tensor& norm, double max_norm);

}  // namespace defound
