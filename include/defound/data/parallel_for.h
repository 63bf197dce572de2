#pragma once
#include <cstdint>
#include <functional>

namespace defound {

/// Calls work(i) for 0 <= i < count on `threads` threads (0: one a core), in no order. The exception of the lowest i
/// is thrown when all have ended. `done(n)` is told, by the calling thread only, how many are finished.
void parallel_for(int64_t count, int64_t threads, const std::function<void(int64_t)>& work, const std::function<void(int64_t)>& done = {});

}  // namespace defound
