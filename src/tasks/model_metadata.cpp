#include "model_metadata.h"

#include <cmath>

#include "defound/core/error.h"

namespace defound {

Json metadata_json(const ModelMetadata& metadata, const std::string& key, const fs::path& path) {
  const auto at = metadata.find(key);
  if (at == metadata.end())
    reject("{} has no \"{}\" in its metadata: a model file that defound wrote is needed (defound-finetune for a classifier)", path.string(), key);
  return parse_json(at->second, path.string() + " (" + key + ")");
}

TransformOptions input_transform(const ModelMetadata& metadata, const fs::path& path) {
  const Json input = metadata_json(metadata, "defound.input", path);
  try {
    TransformOptions options = transform_preset(input.at("transform").get<std::string>(), input.at("input_size").get<int64_t>());
    options.mean = input.at("mean").get<ChannelValues>();
    options.std = input.at("std").get<ChannelValues>();
    return options;
  } catch (const Json::exception& e) {
    reject("{}: \"defound.input\" must hold input_size, mean, std and transform: {}", path.string(), e.what());
  }
}

int64_t stored_input_size(const TensorMap& weights, int64_t patch_size, int64_t otherwise) {
  const auto table = weights.find("pos_embed");
  if (table == weights.end() || table->second.dim() != 3 || table->second.size(1) < 2) return otherwise;
  const auto side = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(table->second.size(1) - 1))));
  return side * side == table->second.size(1) - 1 ? side * patch_size : otherwise;
}

}  // namespace defound
