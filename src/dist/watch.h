#pragma once
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "defound/core/error.h"

namespace defound {

struct WatchTimes {
  std::chrono::milliseconds beat{1000};        ///< between signs of life
  std::chrono::milliseconds silence{300000};   ///< without one: lost
  std::chrono::milliseconds suspicion{5000};   ///< the same once a transfer has failed somewhere
  std::chrono::milliseconds verdict{12000};    ///< after a failed transfer, when nobody is silent: that failure is the cause
  std::chrono::milliseconds grace{5000};       ///< for the work to notice a failure; then the process is ended
};

/// LibTorch's messages carry a stack trace behind the first line.
std::string first_line_of(const std::string& text);

/// Looks after a group beside its work, in threads and over a connection of its own. Every process gives signs of life in
/// the store; the leader looks at all of them, the others at the leader. The first cause of a failure is kept in the store
/// and known to all within a beat; a process whose work does not notice is ended with _exit. A second thread notices when
/// the first waits for a store that does not answer.
class Watch {
 public:
  /// `names`: how processes are called in messages, by rank.
  Watch(c10::intrusive_ptr<c10d::Store> store, int64_t rank, std::vector<std::string> names, WatchTimes times);
  /// Leaves in good order: this process is not missed.
  ~Watch();

  /// Throws the first cause when one is known.
  void check() const;
  /// A transfer failed here with this message: waits until the cause is known, and throws it.
  [[noreturn]] void fail_with(const std::string& message);
  /// A cause, unless there is one.
  void announce(ExitCode code, const std::string& message);
  /// The work has heard of its end: from now on this process is not hurried.
  void begin_leaving();
  /// The leader, at the end: until the others have left or `most` is over, so that the store outlives them.
  void wait_for_others(std::chrono::milliseconds most);

 private:
  using Clock = std::chrono::steady_clock;
  struct Sign {
    std::string beat;
    Clock::time_point seen;
  };
  void run(const std::function<void()>& round);
  void look();
  void look_and_explain();
  void guard();
  void look_at(int64_t rank);
  bool has_left(int64_t rank);
  void publish(ExitCode code, const std::string& message);
  void learn(const std::string& text);
  void leave_if_ignored();
  [[noreturn]] void leave_at_once() const;

  c10::intrusive_ptr<c10d::Store> store_;
  const int64_t rank_;
  const std::vector<std::string> names_;
  const WatchTimes times_;
  int64_t beats_ = 0;
  std::map<int64_t, Sign> signs_;
  Clock::time_point last_look_, last_guard_;
  std::atomic<Clock::time_point> answered_;       ///< when the store last did
  std::optional<Clock::time_point> complained_;   ///< when a failed transfer was first heard of
  mutable std::mutex mutex_;                      // guards what follows
  std::condition_variable changed_;
  std::string complaint_;                         ///< of this process
  std::optional<Error> cause_;
  Clock::time_point known_since_;
  bool leaving_ = false, stopping_ = false;
  int running_ = 2;                               ///< threads
  std::thread looking_, guarding_;
};

}  // namespace defound
