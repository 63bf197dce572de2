#pragma once
#include "defound/tensor/pth.h"
#include "defound/tensor/weights_reader.h"

namespace defound {

/// The weights in a file of torch.save, with the dictionaries and prefixes around them taken off.
WeightsFile unwrap_weights(const PthFile& file, const std::string& origin);

}  // namespace defound
