#include "model_metadata.h"

#include <cmath>

#include "defound/core/error.h"
#include "defound/core/log.h"
#include "defound/models/vit.h"

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

std::string arch_of_shapes(const TensorMap& weights, const fs::path& path) {
  const auto patches = weights.find("patch_embed.proj.weight");
  int64_t depth = 0;
  while (weights.contains(fmt::format("blocks.{}.norm1.weight", depth))) ++depth;
  if (patches == weights.end() || patches->second.dim() != 4 || depth == 0)
    reject("{} holds no vision transformer under MAE's or timm's names; defound-weights inspect tells what it holds", path.string());
  for (const char* size : {"tiny", "small", "base", "large", "huge"}) {
    const VitConfig config = vit_config(size);
    if (config.embed_dim != patches->second.size(0) || config.depth != depth) continue;
    const std::string arch = fmt::format("vit_{}_patch{}", size, patches->second.size(2));
    log::info("{}: {}, as its shapes tell", path.string(), arch);
    return arch;
  }
  reject("{} is a vision transformer of width {} and depth {}, which is none of tiny, small, base, large and huge; files that defound wrote say their sizes themselves",
         path.string(), patches->second.size(0), depth);
}

int64_t stored_input_size(const TensorMap& weights, int64_t patch_size, int64_t otherwise) {
  const auto table = weights.find("pos_embed");
  if (table == weights.end() || table->second.dim() != 3 || table->second.size(1) < 2) return otherwise;
  const auto side = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(table->second.size(1) - 1))));
  return side * side == table->second.size(1) - 1 ? side * patch_size : otherwise;
}

}  // namespace defound
