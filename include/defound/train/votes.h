#pragma once
#include <c10/core/Event.h>
#include <torch/torch.h>

#include <deque>

namespace defound {

/// What a process of a group wants after a step. Clocks and signals differ between processes, so they vote.
struct Vote {
  bool stop = false, save = false;
};

/// What some process of a group wants, found out by all after the same step. On a GPU the answer is read two steps later,
/// when it lies ready, so that no step waits for it.
class Votes {
 public:
  explicit Votes(torch::Device device) : device_(device) {}
  /// Votes of a step, counted over the group: [2] on the device, stop and save.
  void add(const torch::Tensor& counts);
  bool stop() const { return stop_; }
  bool save() const { return save_; }
  /// Saved: wishes for that up to now are fulfilled. A wish to stop stays.
  void saved();

 private:
  struct Ballot {
    torch::Tensor counts;    ///< on its way to the CPU
    c10::Event arrived;
    bool save_counts = true;
  };
  void read(const torch::Tensor& counts, bool save_counts);
  torch::Device device_;
  std::deque<Ballot> ballots_;
  bool stop_ = false, save_ = false;
};

}  // namespace defound
