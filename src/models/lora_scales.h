#pragma once
#include <map>
#include <optional>
#include <string>

#include "defound/core/files.h"
#include "defound/models/lora_file.h"

namespace defound {

/// How strong the updates are where no tensor says it: a peft LoraConfig.
struct LoraScales {
  std::optional<double> alpha;
  std::map<std::string, double> alpha_pattern;   ///< by a layer's name or its end
  bool use_rslora = false;                       ///< alpha / sqrt(rank) (Kalajdzievski 2023)

  /// The scale of a layer of this rank; `own_alpha`: from its tensor.
  double of_layer(const std::string& layer, int64_t rank, std::optional<double> own_alpha) const;
};

/// From the file's metadata ("lora_adapter_metadata", whose keys begin with `part`: "unet."), else from
/// adapter_config.json beside it, else nothing is set. Rejects (exit 2) settings that change more than the scale.
LoraScales read_lora_scales(const fs::path& file, const std::map<std::string, std::string>& metadata, const std::string& part);

/// The metadata under which diffusers finds them again.
Json lora_metadata(const LoraOptions& options, const std::string& part);

}  // namespace defound
