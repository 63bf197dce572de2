#include "defound/train/checkpoint_writer.h"

#include <fmt/format.h>

#include "defound/core/log.h"
#include "defound/core/stopwatch.h"

namespace defound {
namespace {

std::string message_of_part(int64_t step, int64_t rank) { return fmt::format("checkpoint/{}/{}", step, rank); }

}  // namespace

CheckpointWriter::~CheckpointWriter() {
  if (thread_.joinable()) thread_.join();
}

void CheckpointWriter::start(const fs::path& file, const Checkpoint& checkpoint) {
  wait();
  const Stopwatch watch;
  Checkpoint copy = checkpoint;
  for (auto& [name, tensor] : copy.tensors) tensor = tensor.detach().to(torch::kCPU, /*non_blocking=*/false, /*copy=*/true);
  const double seconds = watch.seconds();
  ended_ = false;
  writing_ = file;
  thread_ = std::thread([this, file, copy = std::move(copy), seconds] {
    try {
      write(file, copy, seconds);
    } catch (...) {
      error_ = std::current_exception();
      writing_.clear();   // not a good one
    }
    ended_ = true;
  });
}

void CheckpointWriter::write(const fs::path& file, const Checkpoint& checkpoint, double copied_seconds) {
  const Stopwatch watch;
  make_folder(file.parent_path());
  uintmax_t bytes = 0;
  if (group_) bytes = write_parts(file, checkpoint);
  else save_checkpoint(file, checkpoint);
  if (group_ && !group_->is_leader()) return;
  bytes += fs::file_size(file);
  prune_checkpoints(file.parent_path(), keep_);
  log::info("saved {} ({:.1f} MB in {:.2f} s{}, beside the training, which waited {:.2f} s for the copy)", file.string(), static_cast<double>(bytes) / 1e6,
            watch.seconds(), group_ ? fmt::format(", in {} parts", group_->size()) : "", copied_seconds);
}

/// This process's part; the leader then waits for those of the others, each of which must lie where it sees it. All their bytes.
uintmax_t CheckpointWriter::write_parts(const fs::path& file, const Checkpoint& checkpoint) {
  const std::string own = save_checkpoint_part(checkpoint_part(file, group_->rank()), checkpoint);
  if (!group_->is_leader()) return group_->post(message_of_part(checkpoint.step, group_->rank()), own), 0;
  std::vector<std::string> sums{own};
  uintmax_t bytes = fs::file_size(checkpoint_part(file, 0));
  for (int64_t rank = 1; rank < group_->size(); ++rank) {
    sums.push_back(group_->await(message_of_part(checkpoint.step, rank)));
    const fs::path part = checkpoint_part(file, rank);
    const auto end = std::chrono::steady_clock::now() + patience_;
    while (!fs::exists(part)) {
      if (std::chrono::steady_clock::now() > end)
        fail("rank {} wrote {}, which rank 0 does not see; --shard_optimizer needs an --output on a file system that all machines share", rank, part.string());
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    bytes += fs::file_size(part);
  }
  Checkpoint index = checkpoint;
  index.tensors.clear();
  save_checkpoint(file, index, sums);
  return bytes;
}

void CheckpointWriter::wait() {
  if (thread_.joinable()) thread_.join();
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  if (!writing_.empty()) last_ = writing_;
}

std::string CheckpointWriter::last_good() {
  if (thread_.joinable()) thread_.join();
  if (!writing_.empty()) last_ = writing_;
  if (group_ && !group_->is_leader() && !last_.empty()) return "the newest in " + last_.parent_path().string();
  return last_.empty() ? "none" : last_.string();
}

void CheckpointWriter::check() {
  if (ended_) wait();
}

}  // namespace defound
