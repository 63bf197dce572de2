#include "defound/dist/bucketed_sum.h"

#include <algorithm>
#include <numeric>
#include <sstream>

namespace defound {
namespace {

constexpr int64_t kAlignment = 16;              // values; vectorized kernels then find every tensor aligned
constexpr int64_t kFirstBucketBytes = 1 << 20;  // the first leaves early

}  // namespace

BucketedSum::BucketedSum(Group& group, const std::vector<torch::Tensor>& like, torch::Dtype type, int64_t bucket_bytes)
    : group_(group), type_(type), bucket_bytes_(bucket_bytes), like_(like), places_(like.size()), here_(like.size(), false) {
  std::vector<size_t> order(like.size());
  std::iota(order.rbegin(), order.rend(), size_t{0});  // a backward pass begins at the end
  plan(order);
}

void BucketedSum::plan(const std::vector<size_t>& order) {
  buckets_.clear();
  int64_t limit = std::min(kFirstBucketBytes, bucket_bytes_), bytes = limit;
  for (const size_t index : order) {
    const torch::Tensor& tensor = like_[index];
    if (bytes >= limit) {
      if (!buckets_.empty()) limit = bucket_bytes_;
      buckets_.emplace_back();
      bytes = 0;
    }
    Bucket& bucket = buckets_.back();
    bucket.members.push_back(index);
    places_[index] = {buckets_.size() - 1, bucket.values};
    bucket.values += (tensor.numel() + kAlignment - 1) / kAlignment * kAlignment;
    bytes += tensor.numel() * static_cast<int64_t>(torch::elementSize(type_));
  }
  for (Bucket& bucket : buckets_) bucket.missing = bucket.members.size();
}

torch::Tensor BucketedSum::view(size_t index) {
  return buckets_[places_[index].bucket].flat.as_strided(like_[index].sizes(), like_[index].strides(), places_[index].offset);
}

/// Gaps, and tensors without a value, hold what chance left there: nobody reads their sums.
torch::Tensor BucketedSum::room_for(const Bucket& bucket) const {
  return torch::empty({bucket.values}, like_[bucket.members.front()].options().dtype(type_).requires_grad(false));
}

void BucketedSum::add(size_t index, const torch::Tensor& value) {
  torch::NoGradGuard no_grad;
  if (here_[index]) fail("tensor {} of a step's sum came twice", index);
  here_[index] = true;
  if (order_.empty()) came_.push_back(index);
  Bucket& bucket = buckets_[places_[index].bucket];
  if (!bucket.flat.defined()) bucket.flat = room_for(bucket);
  view(index).copy_(value);
  --bucket.missing;
  while (next_ < buckets_.size() && buckets_[next_].missing == 0) send(buckets_[next_++]);
}

void BucketedSum::send(Bucket& bucket) {
  if (!bucket.flat.defined()) bucket.flat = room_for(bucket);
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
  if (order_.empty()) follow_the_leader();
  return sums;
}

/// Lists and modules are seldom in the order in which a backward pass ends with their parameters.
void BucketedSum::follow_the_leader() {
  std::string text;
  for (const size_t index : came_) text += fmt::format("{} ", index);
  std::istringstream shared(group_.share(text));
  std::vector<int64_t> order;
  for (int64_t index = 0; shared >> index;) order.push_back(index);
  for (size_t index = 0; index < like_.size(); ++index) if (!agreed_[index]) order.push_back(static_cast<int64_t>(index));
  set_order(order);
  came_.clear();
}

void BucketedSum::set_order(const std::vector<int64_t>& order) {
  std::vector<int64_t> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < like_.size(); ++i)
    if (sorted.size() != like_.size() || sorted[i] != static_cast<int64_t>(i)) fail("an order of {} tensors was expected, each once", like_.size());
  order_ = order;
  plan(std::vector<size_t>(order.begin(), order.end()));
}

}  // namespace defound
