#include "defound/tensor/weight_shards.h"

#include <array>
#include <set>

#include "defound/config/json.h"
#include "defound/core/error.h"

namespace defound {
namespace {

constexpr uint64_t kMostIndexBytes = 100'000'000;
constexpr std::array kIndexEndings = {".safetensors.index.json", ".bin.index.json"};

/// The file that each tensor lies in, checked to be a plain name.
std::map<std::string, std::string> read_weight_map(const Json& index, const std::string& origin) {
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object() || index["weight_map"].empty())
    reject("{}: an index of shards needs an object \"weight_map\" of tensor names and files", origin);
  std::map<std::string, std::string> files;
  for (const auto& [name, file] : index["weight_map"].items()) {
    if (!file.is_string()) reject("{}: weight_map gives no file for '{}'", origin, name);
    const auto shard = file.get<std::string>();
    if (shard.empty() || shard == "." || shard == ".." || shard.find_first_of("/\\") != std::string::npos)
      reject("{}: weight_map gives '{}' the file '{}'; only the name of a file beside the index is allowed", origin, name, shard);
    files[name] = shard;
  }
  return files;
}

}  // namespace

WeightsFile load_shards(const fs::path& index, const std::function<WeightsFile(const fs::path&)>& read_part) {
  const std::string origin = index.string();
  const Json values = parse_json(read_text(index, kMostIndexBytes), origin);
  const auto files = read_weight_map(values, origin);
  std::set<std::string> shards;
  for (const auto& [name, shard] : files) shards.insert(shard);
  WeightsFile all;
  for (const std::string& shard : shards) {
    WeightsFile part = read_part(index.parent_path() / shard);
    for (auto& [name, tensor] : part.tensors) {
      const auto named = files.find(name);
      if (named == files.end()) reject("{}: {} holds '{}', which weight_map does not name", origin, shard, name);
      if (named->second != shard) reject("{}: '{}' stands in {} and, by weight_map, in {}", origin, name, shard, named->second);
      all.tensors[name] = std::move(tensor);
    }
    all.metadata.merge(part.metadata);
    all.container = part.container + " shards";
  }
  for (const auto& [name, shard] : files)
    if (!all.tensors.contains(name)) reject("{}: weight_map says that '{}' is in {}, where it is not", origin, name, shard);
  return all;
}

fs::path find_shards_index(const fs::path& folder, bool required) {
  std::error_code error;
  std::vector<fs::path> names;
  for (const auto& entry : fs::directory_iterator(folder, error)) names.push_back(entry.path());
  if (error) reject("cannot look into the folder {}: {}", folder.string(), error.message());
  for (const char* ending : kIndexEndings) {
    fs::path found;
    for (const fs::path& path : names) {
      if (!path.string().ends_with(ending)) continue;
      if (!found.empty()) reject("{} holds several indices of shards ({}, {}); name one", folder.string(), found.filename().string(), path.filename().string());
      found = path;
    }
    if (!found.empty()) return found;
  }
  if (required) reject("{} is a folder without a *{}; name the file with the weights", folder.string(), kIndexEndings.front());
  return {};
}

}  // namespace defound
