#include "defound/nn/layers.h"

namespace defound {

LinearImpl::LinearImpl(int64_t in_features, int64_t out_features, torch::Device device)
    : weight(register_parameter("weight", torch::empty({out_features, in_features}, device))),
      bias(register_parameter("bias", torch::empty({out_features}, device))) {}

LayerNormImpl::LayerNormImpl(int64_t width, torch::Device device)
    : weight(register_parameter("weight", torch::empty({width}, device))), bias(register_parameter("bias", torch::empty({width}, device))) {}

}  // namespace defound
