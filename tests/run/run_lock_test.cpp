#include "defound/run/run_lock.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "defound/core/error.h"
#include "defound/run/host.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

using namespace std::chrono_literals;

/// A child process that takes the lock, says so, and keeps it until it is killed.
class Holder {
 public:
  Holder(const fs::path& folder, LockMethod method) {
    int ready[2];
    if (pipe(ready) != 0) throw std::runtime_error("pipe");
    pid_ = fork();
    if (pid_ == 0) {
      const RunLock lock(folder, method);
      if (write(ready[1], "x", 1) != 1) _exit(1);
      for (;;) pause();
    }
    char byte = 0;
    if (read(ready[0], &byte, 1) != 1) throw std::runtime_error("the holder died");
    close(ready[0]), close(ready[1]);
  }
  ~Holder() { end(); }
  void end() {
    if (pid_ > 0) kill(pid_, SIGKILL), waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kFailed);
    return e.what();
  }
  return "";
}

class LockMethods : public ::testing::TestWithParam<LockMethod> {
 protected:
  const testing::TempFolder folder_;
};
INSTANTIATE_TEST_SUITE_P(RunLock, LockMethods, ::testing::Values(LockMethod::kFlock, LockMethod::kRecord));

TEST_P(LockMethods, SecondWriterFailsNamingTheHolder) {
  Holder holder(folder_.path(), GetParam());
  const std::string message = message_of([&] { RunLock lock(folder_.path(), GetParam()); });
  EXPECT_NE(message.find("pid " + std::to_string(holder.pid())), std::string::npos) << message;
  EXPECT_NE(message.find("host " + this_process().host), std::string::npos) << message;
}

TEST_P(LockMethods, DeadHoldersLockIsTakenOver) {
  Holder holder(folder_.path(), GetParam());
  holder.end();
  EXPECT_TRUE(fs::exists(folder_ / ".lock"));
  const RunLock lock(folder_.path(), GetParam());
  EXPECT_NE(message_of([&] { RunLock second(folder_.path(), GetParam()); }), "");  // held again, by this process
}

TEST_P(LockMethods, IsReleasedWithItsFile) {
  { const RunLock lock(folder_.path(), GetParam()); }
  EXPECT_TRUE(fs::is_empty(folder_.path()));
  const RunLock again(folder_.path(), GetParam());
  EXPECT_NO_THROW(again.check());
}

TEST_P(LockMethods, OfManyAtOnceOneWins) {
  Holder dead(folder_.path(), GetParam());
  dead.end();  // so that all of them try to take over
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      try {
        const RunLock lock(folder_.path(), GetParam());
        usleep(300000);
        _exit(0);  // without the destructor: a killed job
      } catch (const Error&) {
        _exit(1);
      }
    }
    children.push_back(child);
  }
  int winners = 0;
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    winners += WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  EXPECT_EQ(winners, 1);
}

std::string record_of_another_host(const std::string& job = "", int restart = 0) {
  return nlohmann::json{{"host", "elsewhere"}, {"pid", 17}, {"job", job}, {"restart", restart}, {"boot", "b"}, {"pid_space", "p"}, {"born", "5"}}.dump();
}

constexpr LockTimes kShort{20ms, 200ms};

TEST(RunLock, AnotherHostsSilentLockIsTakenOver) {
  const testing::TempFolder folder;
  folder.write(".lock", record_of_another_host());
  const RunLock lock(folder.path(), LockMethod::kRecord, kShort);
  EXPECT_NE(read_text(folder / ".lock").find(this_process().host), std::string::npos);
}

TEST(RunLock, AnotherHostsBeatingLockIsKept) {
  const testing::TempFolder folder;
  folder.write(".lock", record_of_another_host("4711"));
  std::jthread beats([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) fs::last_write_time(folder / ".lock", fs::file_time_type::clock::now()), std::this_thread::sleep_for(10ms);
  });
  const std::string message = message_of([&] { RunLock lock(folder.path(), LockMethod::kRecord, kShort); });
  EXPECT_NE(message.find("host elsewhere, pid 17, job 4711"), std::string::npos) << message;
}

TEST(RunLock, TheHoldersHeartbeatIsSeen) {
  const testing::TempFolder folder;
  const RunLock lock(folder.path(), LockMethod::kRecord, kShort);
  const auto before = fs::last_write_time(folder / ".lock");
  for (int i = 0; i < 500 && fs::last_write_time(folder / ".lock") == before; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_NE(fs::last_write_time(folder / ".lock"), before);
}

TEST(RunLock, RequeuedJobNeedNotWait) {
  const testing::TempFolder folder;
  folder.write(".lock", record_of_another_host("4711", 0));
  setenv("SLURM_JOB_ID", "4711", 1);
  setenv("SLURM_RESTART_COUNT", "1", 1);
  const auto start = std::chrono::steady_clock::now();
  { const RunLock lock(folder.path(), LockMethod::kRecord); }
  EXPECT_LT(std::chrono::steady_clock::now() - start, 20s);  // against 90 s of waiting
  unsetenv("SLURM_JOB_ID");
  unsetenv("SLURM_RESTART_COUNT");
}

TEST(RunLock, ReusedPidAndUnreadableRecordAreStale) {
  const testing::TempFolder folder;
  const ProcessIdentity self = this_process();
  folder.write(".lock", nlohmann::json{{"host", self.host}, {"pid", self.pid}, {"job", ""}, {"restart", 0}, {"boot", self.boot},
                                       {"pid_space", self.pid_space}, {"born", "1"}}.dump());
  { const RunLock lock(folder.path(), LockMethod::kRecord, kShort); }
  folder.write(".lock", "{\"host\": 3");
  const RunLock lock(folder.path(), LockMethod::kRecord, kShort);
}

TEST(RunLock, CheckNoticesATakeOver) {
  const testing::TempFolder folder;
  const RunLock lock(folder.path(), LockMethod::kRecord);
  EXPECT_NO_THROW(lock.check());
  folder.write(".lock", record_of_another_host());
  EXPECT_NE(message_of([&] { lock.check(); }).find("elsewhere"), std::string::npos);
}

}  // namespace
}  // namespace defound
