#include "defound/models/component_hash.h"

#include <fmt/ranges.h>

#include "defound/core/files.h"
#include "defound/tensor/load_weights.h"

namespace defound {

std::string component_hash(const torch::nn::Module& part, const Json& config) {
  std::string text = config.dump() + "\n";
  for (const auto& [name, tensor] : state_dict(part)) {
    const torch::Tensor values = tensor.to(torch::kCPU, torch::kFloat32).contiguous();
    const std::string_view bytes(static_cast<const char*>(values.data_ptr()), static_cast<size_t>(values.nbytes()));
    text += fmt::format("{} [{}] {}\n", name, fmt::join(values.sizes(), ", "), sha256(bytes));
  }
  return sha256(text).substr(0, 16);
}

}  // namespace defound
