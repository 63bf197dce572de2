#include "defound/data/dataset.h"

namespace defound {

Batch Batch::slice(int64_t begin, int64_t end) const {
  return {images.slice(0, begin, end), labels.slice(0, begin, end), {prompts.begin() + begin, prompts.begin() + end},
          {ids.begin() + begin, ids.begin() + end}};
}

Batch Batch::to(torch::Device device) const {
  return {images.to(device, /*non_blocking=*/true), labels.to(device, /*non_blocking=*/true), prompts, ids};
}

}  // namespace defound
