#include "defound/run/run_lock.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <thread>

#include "defound/core/error.h"
#include "defound/core/log.h"
#include "defound/run/host.h"

namespace defound {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

/// Local file systems (statfs numbers of linux/magic.h), where a flock is seen by all who can write.
bool flock_is_reliable(const fs::path& folder) {
  struct statfs info {};
  if (statfs(folder.c_str(), &info) != 0) return false;
  switch (static_cast<uint32_t>(info.f_type)) {
    case 0xEF53:      // ext2, ext3, ext4
    case 0x58465342:  // xfs
    case 0x9123683E:  // btrfs
    case 0x01021994:  // tmpfs
    case 0x794C7630:  // overlayfs
    case 0x2FC12FC1:  // zfs
    case 0xF2F52010:  // f2fs
      return true;
    default:
      return false;
  }
}

std::string make_record() {
  const ProcessIdentity self = this_process();
  const auto ticks = std::chrono::system_clock::now().time_since_epoch().count();  // makes the record unique
  return Json{{"host", self.host}, {"pid", self.pid}, {"job", self.job}, {"restart", self.restart}, {"boot", self.boot},
              {"pid_space", self.pid_space}, {"born", self.born}, {"since", utc_time()}, {"ticks", ticks}}.dump();
}

std::string read_record(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream content;
  content << in.rdbuf();
  return content.str();
}

/// Nothing for a record that is not whole or not ours.
std::optional<ProcessIdentity> parse_holder(const std::string& record) {
  const Json json = Json::parse(record, nullptr, /*allow_exceptions=*/false);
  try {
    return ProcessIdentity{json.at("host"), json.at("pid"), json.at("job"), json.at("restart"), json.at("boot"), json.at("pid_space"), json.at("born")};
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

std::string describe(const std::string& record) {
  const auto holder = parse_holder(record);
  if (!holder) return "another process";
  return fmt::format("host {}, pid {}{}", holder->host, holder->pid, holder->job.empty() ? "" : ", job " + holder->job);
}

std::optional<int64_t> touched_at(const fs::path& file) {
  struct stat info {};
  if (stat(file.c_str(), &info) != 0) return std::nullopt;
  return int64_t{info.st_mtim.tv_sec} * 1000000000 + info.st_mtim.tv_nsec;
}

}  // namespace

/// Touches the lock file from a thread, so that other hosts see that the holder lives.
struct RunLock::Heartbeat {
  Heartbeat(fs::path path, std::chrono::milliseconds interval)
      : file(std::move(path)), thread([this, interval] { beat(interval); }) {}
  ~Heartbeat() {
    {
      const std::lock_guard guard(mutex);
      stopping = true;
    }
    wake.notify_all();
    thread.join();
  }
  void beat(std::chrono::milliseconds interval) {
    std::unique_lock guard(mutex);
    while (!wake.wait_for(guard, interval, [this] { return stopping; })) utimensat(AT_FDCWD, file.c_str(), nullptr, 0);
  }
  fs::path file;
  std::mutex mutex;
  std::condition_variable wake;
  bool stopping = false;
  std::thread thread;
};

RunLock::RunLock(const fs::path& folder, LockMethod method, LockTimes times)
    : folder_(folder), file_(folder / ".lock"), record_(make_record()) {
  const bool try_flock = method == LockMethod::kFlock || (method == LockMethod::kAuto && flock_is_reliable(folder));
  if (!try_flock || !lock_by_flock()) lock_by_record(times);
}

RunLock::~RunLock() {
  heartbeat_.reset();
  std::error_code ignored;
  if (read_record(file_) == record_) fs::remove(file_, ignored);
  if (folder_descriptor_ >= 0) close(folder_descriptor_);
}

void RunLock::fail_in_use(const std::string& record) const {
  fail("{} is in use by {}; wait until it ends, stop it, or give another --output", folder_.string(), describe(record));
}

void RunLock::check() const {
  if (folder_descriptor_ >= 0) return;  // the kernel guards it
  const std::string record = read_record(file_);
  if (record != record_) fail("the lock of {} was taken over by {}; this process stops writing", folder_.string(), describe(record));
}

/// False when the file system has no flock.
bool RunLock::lock_by_flock() {
  const int descriptor = open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) fail("cannot lock {}: {}", folder_.string(), std::strerror(errno));
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const int reason = errno;
    close(descriptor);
    if (reason == EWOULDBLOCK) fail_in_use(read_record(file_));
    return false;
  }
  const std::string before = read_record(file_);
  try {
    write_atomic(file_, record_);
  } catch (...) {
    close(descriptor);
    throw;
  }
  folder_descriptor_ = descriptor;
  if (!before.empty()) log::warn("took over the lock of {} that {} left behind", folder_.string(), describe(before));
  return true;
}

void RunLock::lock_by_record(LockTimes times) {
  for (;;) {
    const int file = open(file_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (file >= 0) {
      const bool written = write(file, record_.data(), record_.size()) == static_cast<ssize_t>(record_.size()) && fsync(file) == 0;
      const int reason = errno;
      if (close(file) == 0 && written) break;
      unlink(file_.c_str());
      fail("cannot write {}: {}", file_.string(), std::strerror(reason));
    }
    if (errno != EEXIST) fail("cannot lock {}: {}", folder_.string(), std::strerror(errno));
    const std::string record = read_record(file_);
    if (holder_lives(record, times)) fail_in_use(record);
    // Rename has one winner; look again at what it moved, in case somebody else was faster.
    const fs::path aside = folder_ / fmt::format(".lock.stale.{}", sha256(record_).substr(0, 12));
    if (rename(file_.c_str(), aside.c_str()) != 0) continue;
    const std::string moved = read_record(aside);
    if (moved != record) {
      rename(aside.c_str(), file_.c_str());
      fail_in_use(moved);
    }
    unlink(aside.c_str());
    log::warn("took over the lock of {} that {} left behind", folder_.string(), describe(record));
  }
  heartbeat_ = std::make_unique<Heartbeat>(file_, times.heartbeat);
}

bool RunLock::holder_lives(const std::string& record, LockTimes times) const {
  const ProcessIdentity self = this_process();
  const auto holder = parse_holder(record);
  if (holder && holder->host == self.host && holder->pid_space == self.pid_space)
    return holder->boot == self.boot && !holder->born.empty() && process_birth(holder->pid) == holder->born;
  if (holder && !self.job.empty() && holder->job == self.job && holder->restart < self.restart) return false;  // requeued: Slurm has ended the first start
  const auto first = touched_at(file_);
  const auto deadline = Clock::now() + times.stale;
  log::info("{} is locked by {}; waiting up to {} s for a sign of life", folder_.string(), describe(record), times.stale.count() / 1000);
  while (Clock::now() < deadline) {
    std::this_thread::sleep_for(times.heartbeat / 10);
    const auto now = touched_at(file_);
    if (now != first) return now.has_value();  // gone: free
  }
  return false;
}

}  // namespace defound
