#pragma once
#include <torch/torch.h>

#include <map>
#include <string>

#include "defound/core/files.h"

namespace defound {

/// Tensors by name, in the order of their names.
using TensorMap = std::map<std::string, torch::Tensor>;

struct Safetensors {
  TensorMap tensors;
  std::map<std::string, std::string> metadata;
};

/// Reads a .safetensors file (github.com/huggingface/safetensors, "Format"). Sizes, offsets, overlaps and types are
/// checked before anything is used; rejects (exit 2) naming the file and the fault. The tensors are views of the mapped
/// file (see core/mapped_file.h), which stays mapped as long as one of them lives; changing one does not change the file.
Safetensors load_safetensors(const fs::path& path);

/// Writes contiguous copies of the tensors with the metadata; published whole (temporary name, sync, rename).
void save_safetensors(const fs::path& path, const TensorMap& tensors, const std::map<std::string, std::string>& metadata = {});

}  // namespace defound
