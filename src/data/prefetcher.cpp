#include "prefetcher.h"

#include <algorithm>
#include <cstring>
#include <exception>

#include "defound/core/error.h"

namespace defound {

/// A batch in the making. Rows are handed out one by one; their pixels are copied into place by the thread that made them.
struct Prefetcher::Slot {
  PlannedBatch plan;
  Batch batch;
  int64_t handed_out = 0, finished = 0;          // guarded by the prefetcher's mutex
  int64_t failed_row = INT64_MAX;
  std::exception_ptr error;
  std::once_flag allocated;
  int64_t rows() const { return static_cast<int64_t>(plan.indices.size()); }
};

Prefetcher::Prefetcher(const Dataset& dataset, BatchOrder& order, const LoaderOptions& options)
    : dataset_(dataset), order_(order), options_(options), draws_(options.seed, "augment"),
      ahead_(1 + (2 * options.num_workers + options.batch_size - 1) / options.batch_size) {
  if (options_.num_workers == 0) return;
  plan_ahead();
  for (int64_t i = 0; i < options_.num_workers; ++i) threads_.emplace_back([this] { work(); });
}

Prefetcher::~Prefetcher() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_ready_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void Prefetcher::plan_ahead() {
  while (static_cast<int64_t>(slots_.size()) < ahead_) {
    auto slot = std::make_shared<Slot>();
    slot->plan = order_.next();
    const int64_t rows = slot->rows();
    slot->batch.labels = torch::empty({rows}, torch::kInt64);
    slot->batch.prompts.resize(static_cast<size_t>(rows));
    for (const int64_t index : slot->plan.indices) slot->batch.ids.push_back(sample_id(slot->plan.epoch, index));
    slots_.push_back(std::move(slot));
  }
}

void Prefetcher::fill(Slot& slot, int64_t row) const {
  const auto at = static_cast<size_t>(row);
  Sample sample = dataset_.get(slot.plan.indices[at], draws_, slot.batch.ids[at]);
  std::call_once(slot.allocated, [&] {
    std::vector<int64_t> shape{slot.rows()};
    shape.insert(shape.end(), sample.image.sizes().begin(), sample.image.sizes().end());
    slot.batch.images = torch::empty(shape, torch::TensorOptions(torch::kFloat32).pinned_memory(options_.pin_memory));
  });
  if (sample.image.sizes() != slot.batch.images.sizes().slice(1) || sample.image.scalar_type() != torch::kFloat32)
    fail("sample {} has another shape or type than the batch it belongs to", slot.plan.indices[at]);
  const torch::Tensor image = sample.image.contiguous();
  std::memcpy(slot.batch.images.data_ptr<float>() + row * image.numel(), image.data_ptr<float>(), static_cast<size_t>(image.nbytes()));
  slot.batch.labels.data_ptr<int64_t>()[row] = sample.label;
  slot.batch.prompts[at] = std::move(sample.prompt);
}

void Prefetcher::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto open = std::find_if(slots_.begin(), slots_.end(), [](const auto& slot) { return slot->handed_out < slot->rows(); });
    if (stopping_) return;
    if (open == slots_.end()) {
      work_ready_.wait(lock);
      continue;
    }
    const std::shared_ptr<Slot> slot = *open;
    const int64_t row = slot->handed_out++;
    lock.unlock();
    std::exception_ptr error;
    try {
      fill(*slot, row);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    if (error && row < slot->failed_row) slot->failed_row = row, slot->error = error;
    if (++slot->finished == slot->rows()) batch_ready_.notify_all();
  }
}

Prefetched Prefetcher::next() {
  std::unique_lock lock(mutex_);
  plan_ahead();
  const std::shared_ptr<Slot> slot = slots_.front();
  if (options_.num_workers == 0) {
    for (; slot->finished < slot->rows(); ++slot->finished) fill(*slot, slot->finished);
  } else {
    batch_ready_.wait(lock, [&] { return slot->finished == slot->rows(); });
  }
  if (slot->error) std::rethrow_exception(slot->error);
  slots_.pop_front();
  plan_ahead();
  work_ready_.notify_all();
  return {std::move(slot->batch), slot->plan.after};
}

}  // namespace defound
