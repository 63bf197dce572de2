#include "defound/data/parallel_for.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace defound {
namespace {

struct Shared {
  std::atomic<int64_t> next{0}, finished{0};
  std::mutex mutex;
  std::condition_variable changed;
  int64_t failed = INT64_MAX;
  int64_t running = 0;
  std::exception_ptr error;
};

void run(int64_t count, const std::function<void(int64_t)>& work, Shared& shared) {
  for (int64_t i; (i = shared.next++) < count;) {
    try {
      work(i);
    } catch (...) {
      const std::lock_guard lock(shared.mutex);
      if (i < shared.failed) shared.failed = i, shared.error = std::current_exception();
    }
    ++shared.finished;
  }
  const std::lock_guard lock(shared.mutex);
  --shared.running;
  shared.changed.notify_all();
}

}  // namespace

void parallel_for(int64_t count, int64_t threads, const std::function<void(int64_t)>& work, const std::function<void(int64_t)>& done) {
  if (threads <= 0) threads = std::max(1U, std::thread::hardware_concurrency());
  threads = std::min(threads, count);
  Shared shared;
  shared.running = threads;
  std::vector<std::thread> pool;
  for (int64_t i = 0; i < threads; ++i) pool.emplace_back(run, count, std::cref(work), std::ref(shared));
  {
    std::unique_lock lock(shared.mutex);
    while (shared.running > 0) {
      shared.changed.wait_for(lock, std::chrono::milliseconds(200));
      if (!done) continue;
      lock.unlock();
      done(shared.finished);
      lock.lock();
    }
  }
  for (auto& thread : pool) thread.join();
  if (shared.error) std::rethrow_exception(shared.error);
}

}  // namespace defound
