#pragma once
#include <map>
#include <string>

#include "defound/config/json.h"
#include "defound/image/transform.h"
#include "defound/tensor/safetensors.h"

namespace defound {

/// What a model file says of itself.
using ModelMetadata = std::map<std::string, std::string>;

/// The JSON under a key of the metadata of the file at `path`; rejects (exit 2) when it is not there.
Json metadata_json(const ModelMetadata& metadata, const std::string& key, const fs::path& path);

/// How an image becomes the model's input: the metadata "defound.input".
TransformOptions input_transform(const ModelMetadata& metadata, const fs::path& path);

/// The architecture that the shapes tell, by timm's name (vit_large_patch16): for files that do not say what they are.
/// Logged. Rejects (exit 2) where no named size has this width and depth.
std::string arch_of_shapes(const TensorMap& weights, const fs::path& path);

/// Side of the images that the file's position table was made for; `otherwise` when it has no square one.
int64_t stored_input_size(const TensorMap& weights, int64_t patch_size, int64_t otherwise);

}  // namespace defound
