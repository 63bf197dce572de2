#pragma once
#include <torch/torch.h>

#include <array>
#include <optional>
#include <string_view>

namespace defound {

/// Types of numbers by torch's names without "torch.".
struct TorchTypeName {
  std::string_view name;
  torch::Dtype dtype;
};
inline constexpr std::array kTorchTypeNames = {
    TorchTypeName{"float32", torch::kFloat32},         TorchTypeName{"float64", torch::kFloat64},        TorchTypeName{"float16", torch::kFloat16},
    TorchTypeName{"bfloat16", torch::kBFloat16},       TorchTypeName{"int64", torch::kInt64},            TorchTypeName{"int32", torch::kInt32},
    TorchTypeName{"int16", torch::kInt16},             TorchTypeName{"int8", torch::kInt8},              TorchTypeName{"uint8", torch::kUInt8},
    TorchTypeName{"bool", torch::kBool},               TorchTypeName{"complex64", torch::kComplexFloat}, TorchTypeName{"complex128", torch::kComplexDouble},
    TorchTypeName{"uint16", torch::kUInt16},           TorchTypeName{"uint32", torch::kUInt32},          TorchTypeName{"uint64", torch::kUInt64},
    TorchTypeName{"float8_e4m3fn", torch::kFloat8_e4m3fn}, TorchTypeName{"float8_e5m2", torch::kFloat8_e5m2}};

inline std::optional<torch::Dtype> torch_type(std::string_view name) {
  for (const TorchTypeName& type : kTorchTypeNames)
    if (type.name == name) return type.dtype;
  return std::nullopt;
}

/// Empty for a type that has none here.
inline std::string_view torch_type_name(torch::Dtype dtype) {
  for (const TorchTypeName& type : kTorchTypeNames)
    if (type.dtype == dtype) return type.name;
  return {};
}

}  // namespace defound
