#pragma once
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <fstream>
#include <sstream>
#include <string>

#include "defound/tensor/safetensors.h"

namespace defound::testing {

/// Tensors of the names and shapes in tests/goldens/weight_files/NAME.txt, on the meta device: nothing can read a value.
inline TensorMap listed_weights(const std::string& name) {
  std::ifstream file(std::filesystem::path(DEFOUND_GOLDENS) / "weight_files" / (name + ".txt"));
  EXPECT_TRUE(file.is_open()) << name;
  TensorMap tensors;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string key;
    words >> key;
    std::vector<int64_t> shape;
    for (int64_t size = 0; words >> size;) shape.push_back(size);
    tensors[key] = torch::empty(shape, torch::TensorOptions().device(torch::kMeta));
  }
  return tensors;
}

inline TensorMap with_prefix(const TensorMap& tensors, const std::string& prefix) {
  TensorMap renamed;
  for (const auto& [name, tensor] : tensors) renamed[prefix + name] = tensor;
  return renamed;
}

/// Meta tensors of these shapes.
inline TensorMap shapes_only(const std::vector<std::pair<std::string, std::vector<int64_t>>>& shapes) {
  TensorMap tensors;
  for (const auto& [name, shape] : shapes) tensors[name] = torch::empty(shape, torch::TensorOptions().device(torch::kMeta));
  return tensors;
}

}  // namespace defound::testing
