#include "defound/train/votes.h"

#include <c10/core/impl/VirtualGuardImpl.h>

namespace defound {
namespace {

constexpr size_t kStepsLater = 2;

}  // namespace

void Votes::read(const torch::Tensor& counts, bool save_counts) {
  stop_ = stop_ || counts[0].item<double>() > 0;
  save_ = save_ || (save_counts && counts[1].item<double>() > 0);
}

void Votes::add(const torch::Tensor& counts) {
  if (device_.is_cpu()) return read(counts, true);
  const torch::Tensor pinned = torch::empty({2}, torch::TensorOptions(counts.scalar_type()).pinned_memory(true));
  pinned.copy_(counts, /*non_blocking=*/true);
  ballots_.push_back({pinned, c10::Event(device_.type())});
  ballots_.back().arrived.record(c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
  if (ballots_.size() <= kStepsLater) return;
  ballots_.front().arrived.synchronize();
  read(ballots_.front().counts, ballots_.front().save_counts);
  ballots_.pop_front();
}

void Votes::saved() {
  for (Ballot& ballot : ballots_) ballot.save_counts = false;  // on its way since before
  save_ = false;
}

}  // namespace defound
