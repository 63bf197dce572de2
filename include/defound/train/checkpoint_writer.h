#pragma once
#include <atomic>
#include <exception>
#include <string>
#include <thread>

#include "defound/train/checkpoint.h"

namespace defound {

/// Writes checkpoints beside the training, from a copy of its state: the training waits for the copy only. One at a time.
class CheckpointWriter {
 public:
  explicit CheckpointWriter(int64_t keep) : keep_(keep) {}
  ~CheckpointWriter();

  /// Copies the state and begins to write it; waits for the one before, and throws what that met.
  void start(const fs::path& file, const Checkpoint& checkpoint);
  /// Until nothing is being written; throws what was met.
  void wait();
  /// Throws what a write that has ended met.
  void check();
  /// The newest that lies whole on disk, once nothing is being written, for messages: "none" when there is none.
  std::string last_good();
  void set_last(const fs::path& file) { last_ = file; }

 private:
  void write(const fs::path& file, const Checkpoint& checkpoint, double copied_seconds);
  int64_t keep_;
  fs::path last_, writing_;
  std::thread thread_;
  std::atomic<bool> ended_{false};
  std::exception_ptr error_;     // read once the thread has ended
};

}  // namespace defound
