#pragma once
#include <functional>

#include "defound/config/json.h"

namespace defound {

/// Where one run of step() spends its time: shares by LibTorch operator, without those that it calls, the largest first;
/// {"outside": share} is what no operator accounts for. Counts the calling thread, which takes part in all of a CPU's work.
Json profile_of(const std::function<void()>& step);

}  // namespace defound
