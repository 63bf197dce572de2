#pragma once
#include <torch/torch.h>

#include <memory>
#include <vector>

#include "defound/dist/group.h"

namespace defound {

/// Sums a list of tensors over a group in buckets, each on its way as soon as it is full, so that the transfer overlaps the
/// backward pass that makes the next ones (Li et al., "PyTorch Distributed", VLDB 2020, section 3.2). Buckets follow the
/// order in which the leader's tensors came in the first step, and leave in it on every process.
class BucketedSum {
 public:
  static constexpr int64_t kBucketBytes = 25 << 20;

  /// `like`: shapes and strides of what is summed in `type`. Needs a `group` of more than one.
  BucketedSum(Group& group, const std::vector<torch::Tensor>& like, torch::Dtype type, int64_t bucket_bytes = kBucketBytes);

  /// This process's value of tensor `index` is final. Each comes once a step at most.
  void add(size_t index, const torch::Tensor& value);
  /// Waits; the sums, undefined where no value came. Fails when the processes have values for different tensors.
  std::vector<torch::Tensor> finish();

  size_t buckets() const { return buckets_.size(); }
  /// The order that the buckets follow; empty before the first step. Sums of three and more processes are rounded as their
  /// place in a bucket has it, so a resumed training takes the order over.
  const std::vector<int64_t>& order() const { return order_; }
  void set_order(const std::vector<int64_t>& order);

 private:
  struct Bucket {
    std::vector<size_t> members;
    int64_t values = 0;
    size_t missing = 0;
    torch::Tensor flat;
    std::unique_ptr<PendingSum> pending;
  };
  struct Place {
    size_t bucket = 0;
    int64_t offset = 0;
  };
  void plan(const std::vector<size_t>& order);
  torch::Tensor view(size_t index);
  torch::Tensor room_for(const Bucket& bucket) const;
  void send(Bucket& bucket);
  void agree_on_members();
  void follow_the_leader();

  Group& group_;
  torch::Dtype type_;
  int64_t bucket_bytes_;
  std::vector<torch::Tensor> like_;
  std::vector<size_t> came_;           ///< in the first step, in this order
  std::vector<int64_t> order_;
  std::vector<Bucket> buckets_;
  std::vector<Place> places_;
  std::vector<bool> here_, agreed_;    ///< which tensors have a value in this step, and in the first
  size_t next_ = 0;                    ///< bucket to send
};

}  // namespace defound
