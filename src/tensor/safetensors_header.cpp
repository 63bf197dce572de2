#include "safetensors_header.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "defound/config/json.h"
#include "defound/core/error.h"

namespace defound {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr uint64_t kMostHeaderBytes = 100'000'000;  // the reference implementation's limit
constexpr size_t kMostDimensions = 64;

struct TypeSize {
  const char* name;
  uint64_t bytes;
};
constexpr std::array kTypeSizes = {
    TypeSize{"F32", 4}, TypeSize{"BF16", 2}, TypeSize{"F16", 2}, TypeSize{"F64", 8}, TypeSize{"I64", 8},  TypeSize{"I32", 4}, TypeSize{"I16", 2},     TypeSize{"I8", 1},
    TypeSize{"U8", 1},  TypeSize{"U16", 2},  TypeSize{"U32", 4}, TypeSize{"U64", 8}, TypeSize{"BOOL", 1}, TypeSize{"C64", 8}, TypeSize{"F8_E4M3", 1}, TypeSize{"F8_E5M2", 1}};

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
uint64_t checked_bytes(const SafetensorsEntry& entry, uint64_t element_bytes, const std::string& where) {
  uint64_t strides = element_bytes, bytes = strides;
  for (const int64_t size : entry.shape) {
    if (__builtin_mul_overflow(strides, static_cast<uint64_t>(std::max<int64_t>(1, size)), &strides) || strides > static_cast<uint64_t>(INT64_MAX))
      reject("{}: the shape is too large", where);
    bytes *= static_cast<uint64_t>(size);
  }
  return bytes;
}

SafetensorsEntry parse_entry(const std::string& name, const Json& value, uint64_t data_bytes, const std::string& origin) {
  const std::string where = fmt::format("{}: tensor '{}'", origin, name);
  if (!value.is_object() || !value.contains("dtype") || !value.contains("shape") || !value.contains("data_offsets"))
    reject("{} needs dtype, shape and data_offsets", where);
  SafetensorsEntry entry{.name = name, .shape = parse_shape(value["shape"], where)};
  const Json& dtype = value["dtype"];
  const auto* type = std::find_if(kTypeSizes.begin(), kTypeSizes.end(), [&](const TypeSize& t) { return dtype.is_string() && dtype == t.name; });
  if (type == kTypeSizes.end()) reject("{} has the unknown dtype {}", where, dtype.dump());
  entry.type = type->name;
  const Json& offsets = value["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned())
    reject("{}: data_offsets must be two whole numbers, found {}", where, offsets.dump());
  entry.begin = offsets[0].get<uint64_t>(), entry.end = offsets[1].get<uint64_t>();
  if (entry.begin > entry.end || entry.end > data_bytes)
    reject("{}: data_offsets {} to {} lie outside the {} bytes of data; the file is cut off or damaged", where, entry.begin, entry.end, data_bytes);
  const uint64_t bytes = checked_bytes(entry, type->bytes, where);
  if (bytes != entry.end - entry.begin) reject("{}: shape and dtype need {} bytes, data_offsets give {}", where, bytes, entry.end - entry.begin);
  return entry;
}

/// The data section must be covered exactly once: no byte hidden, none shared.
void check_coverage(std::vector<SafetensorsEntry>& entries, uint64_t data_bytes, const std::string& origin) {
  std::sort(entries.begin(), entries.end(), [](const SafetensorsEntry& a, const SafetensorsEntry& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  uint64_t at = 0;
  for (const SafetensorsEntry& entry : entries) {
    if (entry.begin < at) reject("{}: tensor '{}' overlaps the one before it", origin, entry.name);
    if (entry.begin > at) reject("{}: {} bytes before tensor '{}' belong to no tensor", origin, entry.begin - at, entry.name);
    at = entry.end;
  }
  if (at != data_bytes) reject("{}: the last {} bytes belong to no tensor", origin, data_bytes - at);
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

/// The header's text: the first eight bytes say how long it is.
std::string header_text(std::string_view bytes, const std::string& origin) {
  uint64_t header_bytes = 0;
  if (bytes.size() < sizeof header_bytes) reject("{} has {} bytes, too few for a safetensors file", origin, bytes.size());
  std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
  if (header_bytes > kMostHeaderBytes || header_bytes > bytes.size() - sizeof header_bytes)
    reject("{}: a header of {} bytes does not fit; this is no safetensors file, or it is cut off", origin, header_bytes);
  std::string text(bytes.substr(sizeof header_bytes, header_bytes));
  if (!text.starts_with('{')) reject("{}: the header does not begin with '{{'; this is no safetensors file", origin);
  return text;
}

}  // namespace

SafetensorsHeader read_safetensors_header(std::string_view bytes, const std::string& origin) {
  const std::string text = header_text(bytes, origin);
  const uint64_t data_begin = sizeof(uint64_t) + text.size(), data_bytes = bytes.size() - data_begin;
  const Json values = parse_json(text, origin);
  if (!values.is_object()) reject("{}: the header must be an object", origin);
  SafetensorsHeader header;
  for (const auto& [name, value] : values.items()) {
    if (name == "__metadata__") header.metadata = parse_metadata(value, origin);
    else header.entries.push_back(parse_entry(name, value, data_bytes, origin));
  }
  check_coverage(header.entries, data_bytes, origin);
  for (SafetensorsEntry& entry : header.entries) entry.begin += data_begin, entry.end += data_begin;
  return header;
}

}  // namespace defound
