#pragma once
#include <torch/torch.h>

#include <string>

#include "defound/config/json.h"

namespace defound {

/// 16 hexadecimal digits that tell what a part of a generator computes: of its configuration and of every weight as fp32
/// by its name. The same for the same weights in another kind of file.
std::string component_hash(const torch::nn::Module& part, const Json& config);

}  // namespace defound
