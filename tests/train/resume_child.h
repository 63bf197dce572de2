#pragma once
#include <string>

#include "defound/core/files.h"

namespace defound::testing {

/// How a training in a process of its own goes.
struct ChildRun {
  fs::path folder;
  int64_t num_workers = 0;
  int64_t log_every = 1;
  int64_t signal = 0;            ///< sent to itself ...
  int64_t at_loss_call = 0;      ///< ... in the middle of this micro-batch of the process, from 1
};

/// Starts this test program again as that training; its exit code, or 128 + the signal that killed it.
int run_in_new_process(const ChildRun& child);

}  // namespace defound::testing
