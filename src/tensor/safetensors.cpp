#include "defound/tensor/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <fstream>

#include "defound/config/json.h"
#include "defound/core/error.h"

namespace defound {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr uint64_t kMostHeaderBytes = 100'000'000;  // the reference implementation's limit
constexpr size_t kMostDimensions = 64;

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

/// Where a tensor stands in the data section, checked.
struct Entry {
  std::string name;
  torch::Dtype dtype = torch::kFloat32;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;
};

std::vector<int64_t> parse_shape(const Json& value, const std::string& where) {
  if (!value.is_array() || value.size() > kMostDimensions) reject("{}: 'shape' must be a list of at most {} sizes", where, kMostDimensions);
  std::vector<int64_t> shape;
  for (const Json& size : value) {
    if (!size.is_number_unsigned() || size.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) reject("{}: 'shape' holds {}", where, size.dump());
    shape.push_back(size.get<int64_t>());
  }
  return shape;
}

/// Bytes of a dense tensor. Zero sizes count as one for the overflow check, as strides are built from them too.
uint64_t checked_bytes(const Entry& entry, const std::string& where) {
  uint64_t strides = c10::elementSize(entry.dtype), bytes = strides;
  for (const int64_t size : entry.shape) {
    if (__builtin_mul_overflow(strides, static_cast<uint64_t>(std::max<int64_t>(1, size)), &strides) || strides > static_cast<uint64_t>(INT64_MAX))
      reject("{}: the shape is too large", where);
    bytes *= static_cast<uint64_t>(size);
  }
  return bytes;
}

Entry parse_entry(const std::string& name, const Json& value, uint64_t data_bytes, const std::string& origin) {
  const std::string where = fmt::format("{}: tensor '{}'", origin, name);
  if (!value.is_object() || !value.contains("dtype") || !value.contains("shape") || !value.contains("data_offsets"))
    reject("{} needs dtype, shape and data_offsets", where);
  Entry entry{.name = name, .shape = parse_shape(value["shape"], where)};
  const Json& dtype = value["dtype"];
  const auto* type = std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName& t) { return dtype.is_string() && dtype == t.name; });
  if (type == kTypes.end()) reject("{} has the unknown dtype {}", where, dtype.dump());
  entry.dtype = type->dtype;
  const Json& offsets = value["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned())
    reject("{}: data_offsets must be two whole numbers, found {}", where, offsets.dump());
  entry.begin = offsets[0].get<uint64_t>(), entry.end = offsets[1].get<uint64_t>();
  if (entry.begin > entry.end || entry.end > data_bytes)
    reject("{}: data_offsets {} to {} lie outside the {} bytes of data; the file is cut off or damaged", where, entry.begin, entry.end, data_bytes);
  const uint64_t bytes = checked_bytes(entry, where);
  if (bytes != entry.end - entry.begin) reject("{}: shape and dtype need {} bytes, data_offsets give {}", where, bytes, entry.end - entry.begin);
  return entry;
}

/// The data section must be covered exactly once: no byte hidden, none shared.
void check_coverage(std::vector<Entry>& entries, uint64_t data_bytes, const std::string& origin) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  uint64_t at = 0;
  for (const Entry& entry : entries) {
    if (entry.begin < at) reject("{}: tensor '{}' overlaps the one before it", origin, entry.name);
    if (entry.begin > at) reject("{}: {} bytes before tensor '{}' belong to no tensor", origin, entry.begin - at, entry.name);
    at = entry.end;
  }
  if (at != data_bytes) reject("{}: the last {} bytes belong to no tensor", origin, data_bytes - at);
}

torch::Tensor read_tensor(std::ifstream& file, const Entry& entry, uint64_t data_begin, const std::string& origin) {
  torch::Tensor tensor = torch::empty(entry.shape, entry.dtype);
  const uint64_t bytes = entry.end - entry.begin;
  if (bytes == 0) return tensor;
  file.seekg(static_cast<std::streamoff>(data_begin + entry.begin));
  if (!file.read(static_cast<char*>(tensor.data_ptr()), static_cast<std::streamsize>(bytes))) reject("{}: cannot read tensor '{}'", origin, entry.name);
  if (entry.dtype == torch::kBool) {  // any other byte in a bool is undefined behavior
    const auto* values = static_cast<const uint8_t*>(tensor.data_ptr());
    if (std::any_of(values, values + bytes, [](uint8_t value) { return value > 1; })) reject("{}: tensor '{}' holds a BOOL other than 0 and 1", origin, entry.name);
  }
  return tensor;
}

std::map<std::string, std::string> parse_metadata(const Json& values, const std::string& origin) {
  if (!values.is_object()) reject("{}: __metadata__ must be an object of texts", origin);
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : values.items()) {
    if (!value.is_string()) reject("{}: __metadata__ entry '{}' must be a text", origin, key);
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

std::string read_header(std::ifstream& file, uint64_t file_bytes, const std::string& origin) {
  uint64_t header_bytes = 0;
  if (file_bytes < sizeof header_bytes || !file.read(reinterpret_cast<char*>(&header_bytes), sizeof header_bytes))
    reject("{} has {} bytes, too few for a safetensors file", origin, file_bytes);
  if (header_bytes > kMostHeaderBytes || header_bytes > file_bytes - sizeof header_bytes)
    reject("{}: a header of {} bytes does not fit; this is no safetensors file, or it is cut off", origin, header_bytes);
  std::string header(header_bytes, '\0');
  if (!file.read(header.data(), static_cast<std::streamsize>(header_bytes))) reject("{}: cannot read the header", origin);
  if (!header.starts_with('{')) reject("{}: the header does not begin with '{{'; this is no safetensors file", origin);
  return header;
}

}  // namespace

Safetensors load_safetensors(const fs::path& path) {
  const std::string origin = path.string();
  std::error_code error;
  if (!fs::exists(path, error)) reject("{} does not exist", origin);
  if (!fs::is_regular_file(path, error)) reject("{} is not a file", origin);
  const uint64_t file_bytes = fs::file_size(path);
  std::ifstream file(path, std::ios::binary);
  if (!file) reject("cannot read {}: {}", origin, std::strerror(errno));
  const std::string header = read_header(file, file_bytes, origin);
  const uint64_t data_begin = sizeof(uint64_t) + header.size(), data_bytes = file_bytes - data_begin;
  const Json values = parse_json(header, origin);
  if (!values.is_object()) reject("{}: the header must be an object", origin);
  Safetensors result;
  std::vector<Entry> entries;
  for (const auto& [name, value] : values.items()) {
    if (name == "__metadata__") result.metadata = parse_metadata(value, origin);
    else entries.push_back(parse_entry(name, value, data_bytes, origin));
  }
  check_coverage(entries, data_bytes, origin);
  for (const Entry& entry : entries) result.tensors[entry.name] = read_tensor(file, entry, data_begin, origin);
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
