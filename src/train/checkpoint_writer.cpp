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
      if (group_ && !group_->is_leader()) write_part(file, copy);
      else write(file, copy, seconds);
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
  const std::vector<std::string> parts = group_ ? await_parts(file, checkpoint.step) : std::vector<std::string>();
  save_checkpoint(file, checkpoint, parts);
  uintmax_t bytes = fs::file_size(file);
  for (size_t number = 1; number <= parts.size(); ++number) bytes += fs::file_size(checkpoint_part(file, static_cast<int64_t>(number)));
  prune_checkpoints(file.parent_path(), keep_);
  log::info("saved {} ({:.1f} MB in {:.2f} s{}, beside the training, which waited {:.2f} s for the copy)", file.string(), static_cast<double>(bytes) / 1e6,
            watch.seconds(), parts.empty() ? "" : fmt::format(", in {} parts", parts.size() + 1), copied_seconds);
}

void CheckpointWriter::write_part(const fs::path& file, const Checkpoint& checkpoint) {
  make_folder(file.parent_path());
  group_->post(message_of_part(checkpoint.step, group_->rank()), save_checkpoint_part(checkpoint_part(file, group_->rank()), checkpoint));
}

/// Checksums of the others' parts, each of which lies where this process sees it.
std::vector<std::string> CheckpointWriter::await_parts(const fs::path& file, int64_t step) {
  std::vector<std::string> sums;
  for (int64_t rank = 1; rank < group_->size(); ++rank) {
    sums.push_back(group_->await(message_of_part(step, rank)));
    const fs::path part = checkpoint_part(file, rank);
    const auto end = std::chrono::steady_clock::now() + patience_;
    while (!fs::exists(part)) {
      if (std::chrono::steady_clock::now() > end)
        fail("rank {} wrote {}, which rank 0 does not see; --shard_optimizer needs an --output on a file system that all machines share", rank, part.string());
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
  return sums;
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
