#include "defound/data/loader.h"

#include "batch_order.h"
#include "defound/core/error.h"
#include "prefetcher.h"

namespace defound {

/// The order of the batches, and what is decoded ahead in that order.
class Loader::Worker {
 public:
  Worker(const Dataset& dataset, const LoaderOptions& options) : order_(dataset.size(), options), position_(options.start), prefetcher_(dataset, order_, options) {}

  Batch next() {
    Prefetched ready = prefetcher_.next();
    position_ = ready.after;
    return std::move(ready.batch);
  }
  Position position() const { return position_; }
  int64_t batches_per_epoch() const { return order_.batches_per_epoch(); }

 private:
  BatchOrder order_;
  Position position_;
  Prefetcher prefetcher_;
};

Loader::Loader(const Dataset& dataset, LoaderOptions options) {
  if (dataset.size() < 1) reject("there is no image to load");
  if (options.batch_size < 1 || options.num_workers < 0) fail("a loader needs a batch size of at least 1 and no negative number of workers");
  if (options.drop_last && dataset.size() < options.batch_size)
    reject("there are {} images, fewer than one batch of {}; choose a smaller --batch_size", dataset.size(), options.batch_size);
  worker_ = std::make_unique<Worker>(dataset, options);
}

Loader::~Loader() = default;
Batch Loader::next() { return worker_->next(); }
Position Loader::position() const { return worker_->position(); }
int64_t Loader::batches_per_epoch() const { return worker_->batches_per_epoch(); }

}  // namespace defound
