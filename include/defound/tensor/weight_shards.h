#pragma once
#include <functional>

#include "defound/tensor/weights_reader.h"

namespace defound {

/// Reads weights that lie in several files, by their index (transformers' and diffusers' *.safetensors.index.json and
/// *.bin.index.json: {"metadata": ..., "weight_map": {tensor: file}}), each by `read_part`. They lie beside the index.
/// Rejects (exit 2): names that lead elsewhere, a tensor that is missing, that the index does not name, or that stands in
/// two files.
WeightsFile load_shards(const fs::path& index, const std::function<WeightsFile(const fs::path&)>& read_part);

/// The one index in the folder, of .safetensors before .bin; rejects none and several, empty path when `required` is
/// false and there is none.
fs::path find_shards_index(const fs::path& folder, bool required = true);

}  // namespace defound
