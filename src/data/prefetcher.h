#pragma once
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "batch_order.h"

namespace defound {

struct Prefetched {
  Batch batch;
  Position after;
};

/// Decodes the batches of an order ahead on options.num_workers threads (0: in next()), a few batches in advance.
class Prefetcher {
 public:
  Prefetcher(const Dataset& dataset, BatchOrder& order, const LoaderOptions& options);
  ~Prefetcher();
  /// The next batch of the order; throws what its first failing sample threw.
  Prefetched next();

 private:
  struct Slot;
  void plan_ahead();                               ///< with the mutex held
  void work();
  void fill(Slot& slot, int64_t row) const;
  const Dataset& dataset_;
  BatchOrder& order_;
  LoaderOptions options_;
  Draws draws_;
  int64_t ahead_;
  std::mutex mutex_;
  std::condition_variable work_ready_, batch_ready_;
  std::deque<std::shared_ptr<Slot>> slots_;        ///< planned batches, oldest first
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace defound
