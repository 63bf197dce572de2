#include "defound/core/open_files.h"

#include <sys/resource.h>

#include <algorithm>

namespace defound {

void allow_open_files(uint64_t count) {
  struct rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= count) return;
  limit.rlim_cur = std::min<rlim_t>(count, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);  // where it does not help, opening a file says so
}

}  // namespace defound
