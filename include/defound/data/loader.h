#pragma once
#include <memory>
#include <optional>

#include "defound/data/dataset.h"

namespace defound {

/// Where training stands in the data: the next sample is number `sample` of the order of `epoch`.
struct Position {
  int64_t epoch = 0;
  int64_t sample = 0;
};

struct LoaderOptions {
  int64_t batch_size = 1;
  int64_t num_workers = 2;     ///< decoding threads; 0: in the caller
  uint64_t seed = 0;
  bool shuffle = true;         ///< a new order each epoch, from (seed, epoch)
  bool drop_last = true;       ///< leave out an epoch's last short batch
  bool pin_memory = false;
  Position start;
  int64_t rank = 0, size = 1;  ///< of the processes that share each batch: this one loads its rows only
};

/// Batches in an order that depends on the seed and the dataset's size only, whoever shares them, decoded ahead by threads.
/// Never ends: epoch follows epoch. A sample that throws ends next() with that exception.
class Loader {
 public:
  Loader(const Dataset& dataset, LoaderOptions options);
  ~Loader();
  Batch next();
  /// The position after the batch that next() returned last.
  Position position() const;
  int64_t batches_per_epoch() const;

 private:
  class Worker;
  std::unique_ptr<Worker> worker_;
};

}  // namespace defound
