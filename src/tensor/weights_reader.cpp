#include "defound/tensor/weights_reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>

#include "defound/core/error.h"
#include "defound/tensor/pth.h"
#include "defound/tensor/weight_shards.h"
#include "unwrap_weights.h"

namespace defound {
namespace {

enum class Container { kSafetensors, kShards, kPth };

/// What a file that holds no weights is, where its first bytes tell.
std::string likely_content(std::string_view head) {
  constexpr std::array<std::pair<std::string_view, const char*>, 5> kSigns = {{
      {"version https://git-lfs", "the pointer of a Git LFS file; fetch the file itself (git lfs pull)"},
      {"<", "a web page; the download went wrong"},
      {"\x1F\x8B", "compressed with gzip; unpack it first"},
      {"\x89HDF", "an HDF5 file (Keras?), which is not read"},
      {"\x93NUMPY", "a .npy array, not weights by name"},
  }};
  for (const auto& [sign, meaning] : kSigns)
    if (head.starts_with(sign)) return meaning;
  return "none of them";
}

/// By content: a .safetensors file begins with the length of its header and '{', an index of shards is JSON; torch.save
/// writes a zip archive, and wrote pickles and tar archives, which its reader names.
Container recognize_container(const fs::path& path) {
  if (!is_there(path)) reject("{} does not exist", path.string());
  if (!fs::is_regular_file(path)) reject("{} is not a file", path.string());
  std::ifstream file(path, std::ios::binary);
  std::string head(300, '\0');
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  if (file.bad() || !file.is_open()) reject("cannot read {}: {}", path.string(), std::strerror(errno));
  head.resize(static_cast<size_t>(file.gcount()));
  uint64_t header_bytes = 0;
  if (head.size() > sizeof header_bytes) std::memcpy(&header_bytes, head.data(), sizeof header_bytes);
  if (head.size() > 8 && head[8] == '{' && header_bytes < uint64_t{1} << 32) return Container::kSafetensors;
  const size_t text = head.find_first_not_of(" \t\r\n");
  if (text != std::string::npos && head[text] == '{') return Container::kShards;
  if (head.starts_with(std::string_view("PK\3\4", 4)) || head.starts_with("\x80") || (head.size() > 262 && head.compare(257, 5, "ustar") == 0)) return Container::kPth;
  if (path.extension() == ".safetensors") return Container::kSafetensors;  // its reader says what is wrong
  reject("{} is no .safetensors file, index of shards or file of torch.save: it is {}", path.string(), head.empty() ? "empty" : likely_content(head));
}

/// A file that holds the weights itself.
WeightsFile read_part(const fs::path& path) {
  switch (recognize_container(path)) {
    case Container::kSafetensors: {
      Safetensors file = load_safetensors(path);
      return {.tensors = std::move(file.tensors), .metadata = std::move(file.metadata), .container = "safetensors", .wrappers = {}, .other = {}};
    }
    case Container::kPth: return unwrap_weights(PthFile::open(path), path.string());
    case Container::kShards: break;
  }
  reject("{} is an index of shards; an index may name only files with weights", path.string());
}

}  // namespace

WeightsFile read_weights(const fs::path& file) {
  const fs::path path = fs::is_directory(file) ? find_shards_index(file) : file;
  WeightsFile weights = recognize_container(path) == Container::kShards ? load_shards(path, read_part) : read_part(path);
  if (weights.tensors.empty()) reject("{} holds no tensors", path.string());
  return weights;
}

}  // namespace defound
