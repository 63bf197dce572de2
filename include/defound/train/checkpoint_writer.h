#pragma once
#include <atomic>
#include <chrono>
#include <exception>
#include <string>
#include <thread>

#include "defound/dist/group.h"
#include "defound/train/checkpoint.h"

namespace defound {

/// Writes checkpoints beside the training, from a copy of its state: the training waits for the copy only. One at a time.
/// Where the processes of a group hold different parts of the state, each writes its own, all at once, and the file that names
/// their checksums appears last: a checkpoint is there whole or not at all.
class CheckpointWriter {
 public:
  /// `parts_from`: the group whose processes each make one and write a part; none: what this one writes is all.
  /// `patience`: until a network file system shows the leader what others wrote.
  explicit CheckpointWriter(int64_t keep, Group* parts_from = nullptr, std::chrono::milliseconds patience = std::chrono::seconds(60))
      : keep_(keep), group_(parts_from && parts_from->size() > 1 ? parts_from : nullptr), patience_(patience) {}
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
  uintmax_t write_parts(const fs::path& file, const Checkpoint& checkpoint);
  int64_t keep_;
  Group* group_;
  std::chrono::milliseconds patience_;
  fs::path last_, writing_;
  std::thread thread_;
  std::atomic<bool> ended_{false};
  std::exception_ptr error_;     // read once the thread has ended
};

}  // namespace defound
