#include "batch_order.h"

#include <algorithm>
#include <numeric>

#include "defound/core/launch.h"

namespace defound {

BatchOrder::BatchOrder(int64_t dataset_size, const LoaderOptions& options)
    : size_(dataset_size), options_(options), draws_(options.seed, "order"), position_(options.start) {
  if (!has_batch_at(position_.sample)) position_ = {position_.epoch + 1, 0};
  begin_epoch(position_.epoch);
}

bool BatchOrder::has_batch_at(int64_t sample) const { return options_.drop_last ? sample + options_.batch_size <= size_ : sample < size_; }

int64_t BatchOrder::batches_per_epoch() const {
  return options_.drop_last ? size_ / options_.batch_size : (size_ + options_.batch_size - 1) / options_.batch_size;
}

void BatchOrder::begin_epoch(int64_t epoch) {
  if (options_.shuffle) {
    order_ = permutation(size_, draws_, epoch);
  } else if (order_.empty()) {
    order_.resize(static_cast<size_t>(size_));
    std::iota(order_.begin(), order_.end(), int64_t{0});
  }
}

PlannedBatch BatchOrder::next() {
  PlannedBatch batch;
  batch.epoch = position_.epoch;
  const int64_t end = std::min(position_.sample + options_.batch_size, size_);
  const Share share = share_of(end - position_.sample, options_.rank, options_.size);
  batch.indices.assign(order_.begin() + position_.sample + share.begin, order_.begin() + position_.sample + share.end);
  position_.sample = end;
  if (!has_batch_at(end)) {
    position_ = {position_.epoch + 1, 0};
    begin_epoch(position_.epoch);
  }
  batch.after = position_;
  return batch;
}

}  // namespace defound
