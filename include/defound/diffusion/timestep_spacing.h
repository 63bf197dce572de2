#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace defound {

/// `steps` timesteps of 0 .. T-1, falling: Table 2 of Lin et al., "Common diffusion noise schedules and sample steps are
/// flawed", WACV 2024, with diffusers' rounding. spacing: leading (plus `offset`), trailing or linspace (not rounded
/// when `fractions`). Rejects (exit 2) more steps than timesteps, and timesteps beyond T-1.
std::vector<double> spaced_timesteps(const std::string& spacing, int64_t steps, int64_t num_train_timesteps, int64_t offset, bool fractions = false);

}  // namespace defound
