#pragma once
#include <chrono>
#include <memory>

#include "defound/core/files.h"

namespace defound {

/// kFlock: flock on the folder; the kernel releases it with the process. kRecord: the file .lock itself, made
/// exclusively, for file systems where flock is missing or means this host only (NFS, Lustre, FUSE, ...). kAuto chooses.
enum class LockMethod { kAuto, kFlock, kRecord };

struct LockTimes {
  std::chrono::milliseconds heartbeat{20000};  ///< kRecord: the holder touches .lock so often
  std::chrono::milliseconds stale{90000};      ///< kRecord: another host's .lock left untouched for so long is stale
};

/// Sole right to write into a folder, for as long as the object lives. The file .lock names the holder: host, pid, job.
/// A second writer fails (exit 1) naming it. A dead holder's lock is taken over: on this host by its pid and birth, of
/// another host (kRecord) when its heartbeat has stopped or Slurm has requeued the same job.
class RunLock {
 public:
  explicit RunLock(const fs::path& folder, LockMethod method = LockMethod::kAuto, LockTimes times = {});
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;
  /// Fails (exit 1) when another process has taken the lock over meanwhile (this one was suspended for long).
  void check() const;

 private:
  struct Heartbeat;
  bool lock_by_flock();
  void lock_by_record(LockTimes times);
  bool holder_lives(const std::string& record, LockTimes times) const;
  [[noreturn]] void fail_in_use(const std::string& record) const;

  fs::path folder_, file_;
  std::string record_;                     ///< our own entry in file_; unique
  int folder_descriptor_ = -1;             ///< carries the flock
  std::unique_ptr<Heartbeat> heartbeat_;
};

}  // namespace defound
