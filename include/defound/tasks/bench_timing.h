#pragma once
#include <functional>

#include "defound/tasks/bench.h"

namespace defound {

/// Sets threads and warms up, then the median seconds of step() over `repeats` runs (a GPU is waited for).
double median_seconds(const BenchConfig& config, const std::function<void()>& step, int64_t warmup = 2);
/// The row to print: peer name, options, step_seconds, images_per_second.
Json bench_row(BenchConfig& config, const std::string& name, int64_t images, double step_seconds);

}  // namespace defound
