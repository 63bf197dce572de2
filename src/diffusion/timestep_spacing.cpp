#include "defound/diffusion/timestep_spacing.h"

#include <algorithm>
#include <cmath>

#include "defound/core/error.h"

namespace defound {

std::vector<double> spaced_timesteps(const std::string& spacing, int64_t steps, int64_t num_train_timesteps, int64_t offset, bool fractions) {
  if (steps < 1 || steps > num_train_timesteps) reject("steps is {} but must be 1 to {}, the timesteps of the training", steps, num_train_timesteps);
  const double total = static_cast<double>(num_train_timesteps), count = static_cast<double>(steps);
  std::vector<double> timesteps;
  for (int64_t i = 0; i < steps; ++i) {
    const double index = static_cast<double>(steps - 1 - i);
    if (spacing == "leading") {
      timesteps.push_back(index * static_cast<double>(num_train_timesteps / steps) + static_cast<double>(offset));
    } else if (spacing == "trailing") {
      timesteps.push_back(std::nearbyint(total - static_cast<double>(i) * (total / count)) - 1);
    } else if (spacing == "linspace") {
      const double value = i == 0 && steps > 1 ? total - 1 : index * (steps > 1 ? (total - 1) / (count - 1) : 0.0);
      timesteps.push_back(fractions ? static_cast<double>(static_cast<float>(value)) : std::nearbyint(value));  // diffusers keeps fp32
    } else {
      reject("timestep_spacing is '{}'; it must be leading, trailing or linspace", spacing);
    }
  }
  if (timesteps.front() > total - 1) reject("steps {} with steps_offset {} begins at timestep {}, beyond {}", steps, offset, timesteps.front(), num_train_timesteps - 1);
  return timesteps;
}

}  // namespace defound
