#pragma once
#include <vector>

#include "defound/data/loader.h"

namespace defound {

/// Which samples a batch holds, and where the data stands after it.
struct PlannedBatch {
  int64_t epoch = 0;
  std::vector<int64_t> indices;
  Position after;
};

/// The sequence of batches, from (seed, dataset size, start) only.
class BatchOrder {
 public:
  BatchOrder(int64_t dataset_size, const LoaderOptions& options);
  PlannedBatch next();
  int64_t batches_per_epoch() const;

 private:
  /// Samples of an epoch that batches from `sample` on may use.
  bool has_batch_at(int64_t sample) const;
  void begin_epoch(int64_t epoch);
  int64_t size_;
  LoaderOptions options_;
  Draws draws_;
  Position position_;
  std::vector<int64_t> order_;   ///< of epoch position_.epoch
};

}  // namespace defound
