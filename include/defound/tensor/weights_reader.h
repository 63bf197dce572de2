#pragma once
#include <map>
#include <string>
#include <vector>

#include "defound/core/files.h"
#include "defound/tensor/safetensors.h"

namespace defound {

/// The weights in a file of any kind that is read here, by their names in the model.
struct WeightsFile {
  TensorMap tensors;                              ///< views of the mapped file; changing them does not change the file
  std::map<std::string, std::string> metadata;    ///< safetensors' __metadata__; for .pth the plain values beside the weights ("epoch", "args.mask_ratio")
  std::string container;                          ///< "safetensors" or "pth"; with " shards" when it lay in several files
  std::vector<std::string> wrappers;              ///< what the tensors lay under, outermost first: dictionaries ("model") and prefixes ("module.")
  std::vector<std::string> other;                 ///< further entries, which are no weights: "optimizer", "epoch", "args"
};

/// Reads a .safetensors file, an index of shards (*.safetensors.index.json, *.bin.index.json, or a folder with one) or a file of
/// torch.save; its content decides, not its name. For torch.save the usual wrappings are taken off (the table in
/// weights_reader.cpp); names in safetensors stay as they are. Nothing in the file is executed. Rejects (exit 2), naming
/// the file: anything else, with what it looks like and how to convert it; a file without tensors; a damaged one.
WeightsFile read_weights(const fs::path& file);

}  // namespace defound
