#pragma once
#include <torch/torch.h>

#include <string>
#include <vector>

#include "defound/core/launch.h"
#include "defound/core/random.h"

namespace defound {

struct Sample {
  torch::Tensor image;   ///< [C, H, W] fp32, ready for the model
  int64_t label = -1;    ///< index into the class list; -1 when unlabelled
  std::string prompt;
};

/// A set of samples addressed by index. get() is pure and thread-safe: the same (index, draws, id) gives the same
/// sample. `id` is sample_id(epoch, index): the row of `draws` that augmentation may use.
struct Dataset {
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  virtual Sample get(int64_t index, const Draws& draws, uint64_t id) const = 0;
};

/// Samples begin..end-1 of another set, as they are in it.
class DatasetShare : public Dataset {
 public:
  DatasetShare(const Dataset& whole, Share share) : whole_(whole), share_(share) {}
  int64_t size() const override { return share_.size(); }
  Sample get(int64_t index, const Draws& draws, uint64_t id) const override {
    return whole_.get(share_.begin + index, draws, id + static_cast<uint64_t>(share_.begin));
  }

 private:
  const Dataset& whole_;
  Share share_;
};

struct Batch {
  torch::Tensor images;            ///< [N, C, H, W] fp32
  torch::Tensor labels;            ///< [N] int64
  std::vector<std::string> prompts;
  std::vector<uint64_t> ids;       ///< sample_id(epoch, index) of each row
  int64_t size() const { return images.size(0); }
  Batch slice(int64_t begin, int64_t end) const;          ///< rows begin..end-1
  Batch to(torch::Device device) const;                   ///< images and labels there, copied without waiting
};

}  // namespace defound
