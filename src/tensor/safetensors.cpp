#include "defound/tensor/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>

#include "defound/config/json.h"
#include "defound/core/error.h"
#include "mapped_tensor.h"
#include "safetensors_header.h"

namespace defound {
namespace {

struct TypeName {
  const char* name;
  torch::Dtype dtype;
};
constexpr std::array kTypes = {
    TypeName{"F32", torch::kFloat32},  TypeName{"BF16", torch::kBFloat16}, TypeName{"F16", torch::kFloat16}, TypeName{"F64", torch::kFloat64},
    TypeName{"I64", torch::kInt64},    TypeName{"I32", torch::kInt32},     TypeName{"I16", torch::kInt16},   TypeName{"I8", torch::kInt8},
    TypeName{"U8", torch::kUInt8},     TypeName{"U16", torch::kUInt16},    TypeName{"U32", torch::kUInt32},  TypeName{"U64", torch::kUInt64},
    TypeName{"BOOL", torch::kBool},    TypeName{"C64", torch::kComplexFloat},
    TypeName{"F8_E4M3", torch::kFloat8_e4m3fn},                            TypeName{"F8_E5M2", torch::kFloat8_e5m2}};

const char* type_name(torch::Dtype dtype, const std::string& tensor) {
  const auto* found = std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName& type) { return type.dtype == dtype; });
  if (found == kTypes.end()) fail("tensor '{}' has the type {}, which safetensors cannot hold", tensor, c10::toString(dtype));
  return found->name;
}

}  // namespace

Safetensors load_safetensors(const fs::path& path) {
  const auto file = MappedFile::open(path);
  file->release_descriptor();  // a set of thousands of files may be open at once
  SafetensorsHeader header = read_safetensors_header(file->bytes(), path.string());
  Safetensors result{{}, std::move(header.metadata)};
  for (const SafetensorsEntry& entry : header.entries) {
    const auto* type = std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName& t) { return entry.type == t.name; });
    if (type == kTypes.end()) fail("{}: no tensor type is known for {}", path.string(), entry.type);
    torch::Tensor tensor = mapped_tensor(file, entry.begin, entry.shape, type->dtype);
    if (type->dtype == torch::kBool) check_mapped_bools(file, entry.begin, entry.end, fmt::format("{}: tensor '{}'", path.string(), entry.name));
    result.tensors[entry.name] = std::move(tensor);
  }
  return result;
}

void save_safetensors(const fs::path& path, const TensorMap& tensors, const std::map<std::string, std::string>& metadata) {
  // Widest type first, as the reference writes them: every tensor stands aligned to its type.
  std::vector<std::pair<std::string, torch::Tensor>> ordered(tensors.begin(), tensors.end());
  std::stable_sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) { return a.second.element_size() > b.second.element_size(); });
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t at = 0;
  for (auto& [name, tensor] : ordered) {
    if (name == "__metadata__") fail("{}: a tensor cannot have the name __metadata__", path.string());
    const uint64_t bytes = tensor.numel() * tensor.element_size();
    header[name] = {{"dtype", type_name(tensor.scalar_type(), name)}, {"shape", tensor.sizes().vec()}, {"data_offsets", {at, at + bytes}}};
    at += bytes;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  publish(path, [&](const fs::path& temporary) {
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    const uint64_t header_bytes = text.size();
    file.write(reinterpret_cast<const char*>(&header_bytes), sizeof header_bytes);
    file << text;
    for (const auto& [name, tensor] : ordered) {
      const torch::Tensor dense = tensor.detach().cpu().contiguous();
      if (dense.numel() > 0) file.write(static_cast<const char*>(dense.data_ptr()), static_cast<std::streamsize>(dense.nbytes()));
    }
    file.close();
    if (!file) fail("cannot write {}: {}", path.string(), std::strerror(errno));
  });
}

}  // namespace defound
