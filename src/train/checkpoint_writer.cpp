#include "defound/train/checkpoint_writer.h"

#include "defound/core/log.h"
#include "defound/train/training_log.h"

namespace defound {

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
  save_checkpoint(file, checkpoint);
  prune_checkpoints(file.parent_path(), keep_);
  log::info("saved {} ({:.1f} MB in {:.2f} s, beside the training, which waited {:.2f} s for the copy)", file.string(),
            static_cast<double>(fs::file_size(file)) / 1e6, watch.seconds(), copied_seconds);
}

void CheckpointWriter::wait() {
  if (thread_.joinable()) thread_.join();
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  if (!writing_.empty()) last_ = writing_;
}

std::string CheckpointWriter::last_good() {
  if (thread_.joinable()) thread_.join();
  if (!writing_.empty()) last_ = writing_;
  return last_.empty() ? "none" : last_.string();
}

void CheckpointWriter::check() {
  if (ended_) wait();
}

}  // namespace defound
