#pragma once
#include <string>

#include "defound/models/generator.h"
#include "defound/models/lora_file.h"

namespace defound {

/// The weights that the adapter changes, after it was added `scale` times: W + scale x (alpha / rank) x B A, computed in
/// fp32 at least, in the type of W. `weights`: a UNet's or text encoder's, by name. Rejects (exit 2), naming the adapter's
/// file, a layer that is not there or has another shape.
TensorMap merged_weights(const TensorMap& weights, const LoraLayers& layers, double scale, const fs::path& file);

/// Adds the adapter to the generator for good, and its labels to those that a generator that reads text knows; they win
/// over labels of the same name. Adapters add up.
void merge_lora(Generator& generator, const LoraAdapter& adapter, double scale);

/// "FILE" or "FILE:SCALE", as --lora takes it.
struct LoraChoice {
  fs::path file;
  double scale = 1;
};
/// Rejects (exit 2) a scale that is no finite number.
LoraChoice parse_lora_choice(const std::string& text);

}  // namespace defound
