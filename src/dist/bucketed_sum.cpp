#include "defound/dist/bucketed_sum.h"

#include <algorithm>

namespace defound {
namespace {

constexpr int64_t kAlignment = 16;              // values; vectorized kernels then find every tensor aligned
constexpr int64_t kFirstBucketBytes = 1 << 20;  // the first leaves early

}  // namespace

BucketedSum::BucketedSum(Group& group, const std::vector<torch::Tensor>& like, int64_t bucket_bytes)
    : group_(group), like_(like), places_(like.size()), here_(like.size(), false) {
  int64_t limit = std::min(kFirstBucketBytes, bucket_bytes), bytes = limit;
  for (size_t index = like.size(); index-- > 0;) {
    const torch::Tensor& tensor = like[index];
    const bool same_type = !buckets_.empty() && like[buckets_.back().members.front()].scalar_type() == tensor.scalar_type();
    if (bytes >= limit || !same_type) {
      if (!buckets_.empty()) limit = bucket_bytes;
      buckets_.emplace_back();
      bytes = 0;
    }
    Bucket& bucket = buckets_.back();
    bucket.members.push_back(index);
    places_[index] = {buckets_.size() - 1, bucket.values};
    bucket.values += (tensor.numel() + kAlignment - 1) / kAlignment * kAlignment;
    bytes += static_cast<int64_t>(tensor.nbytes());
  }
  for (Bucket& bucket : buckets_) bucket.missing = bucket.members.size();
}

torch::Tensor BucketedSum::view(size_t index) {
  return buckets_[places_[index].bucket].flat.as_strided(like_[index].sizes(), like_[index].strides(), places_[index].offset);
}

void BucketedSum::add(size_t index, const torch::Tensor& value) {
  torch::NoGradGuard no_grad;
  if (here_[index]) fail("tensor {} of a step's sum came twice", index);
  here_[index] = true;
  Bucket& bucket = buckets_[places_[index].bucket];
  if (!bucket.flat.defined()) bucket.flat = torch::zeros({bucket.values}, like_[index].options());
  view(index).copy_(value);
  --bucket.missing;
  while (next_ < buckets_.size() && buckets_[next_].missing == 0) send(buckets_[next_++]);
}

void BucketedSum::send(Bucket& bucket) {
  if (!bucket.flat.defined()) bucket.flat = torch::zeros({bucket.values}, like_[bucket.members.front()].options());
  bucket.pending = group_.start_sum(bucket.flat);
}

/// A tensor without a value is left out of the optimizer's step, so the processes must not differ in which.
void BucketedSum::agree_on_members() {
  if (agreed_.empty()) {
    std::string pattern;
    for (const bool here : here_) pattern += here ? '1' : '0';
    group_.agree(pattern, "the parameters that the loss reaches");
    agreed_ = here_;
  }
  if (here_ != agreed_) fail("the loss reaches other parameters than in the first step: this cannot be trained by several processes");
}

std::vector<torch::Tensor> BucketedSum::finish() {
  torch::NoGradGuard no_grad;
  while (next_ < buckets_.size()) send(buckets_[next_++]);
  for (Bucket& bucket : buckets_) bucket.pending->wait();
  agree_on_members();
  std::vector<torch::Tensor> sums(like_.size());
  for (size_t index = 0; index < like_.size(); ++index) if (here_[index]) sums[index] = view(index);
  for (Bucket& bucket : buckets_) {
    bucket.missing = bucket.members.size();
    bucket.flat.reset();      // kept by the sums that look into it
    bucket.pending.reset();
  }
  here_.assign(here_.size(), false);
  next_ = 0;
  return sums;
}

}  // namespace defound
