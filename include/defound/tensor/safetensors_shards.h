#pragma once
#include "defound/tensor/safetensors.h"

namespace defound {

/// Reads weights that lie in several .safetensors files, by their index (transformers' and diffusers'
/// *.safetensors.index.json: {"metadata": ..., "weight_map": {tensor: file}}). Shards lie beside the index. Rejects
/// (exit 2): names that lead elsewhere, a tensor that is missing, that the index does not name, or that stands in two shards.
Safetensors load_safetensors_shards(const fs::path& index);

/// The one *.safetensors.index.json in the folder; rejects none and several, empty path when `required` is false and there is none.
fs::path find_shards_index(const fs::path& folder, bool required = true);

}  // namespace defound
