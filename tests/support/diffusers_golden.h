#pragma once
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <string>

#include "defound/config/json.h"
#include "defound/tensor/safetensors.h"
#include "support/tensors.h"

namespace defound::testing {

/// A golden of scripts/goldens: tensors of a diffusers model with its weights and config.
struct DiffusersGolden {
  explicit DiffusersGolden(const std::string& name) : file(load_safetensors(std::string(DEFOUND_GOLDENS) + "/" + name)) {
    if (file.metadata.contains("config")) config = parse_json(file.metadata.at("config"), name);
  }
  torch::Tensor operator[](const std::string& key) const { return file.tensors.at(key); }
  /// The tensors whose names begin with `prefix`, without it.
  TensorMap below(const std::string& prefix) const {
    TensorMap found;
    for (const auto& [key, value] : file.tensors)
      if (key.starts_with(prefix)) found[key.substr(prefix.size())] = value;
    return found;
  }
  Safetensors file;
  Json config;
};

}  // namespace defound::testing
