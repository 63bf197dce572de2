#pragma once
#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "defound/data/shard_writer.h"
#include "support/made_images.h"

namespace defound::testing {

using Members = std::vector<std::pair<std::string, std::string>>;   ///< names and contents

inline fs::path write_shard(const fs::path& path, const Members& members) {
  fs::create_directories(path.parent_path());
  ShardWriter writer(path);
  for (const auto& [name, content] : members) writer.add(name, content);
  writer.publish();
  return path;
}

/// made_image(number) as NNNNNN.png and a description of it.
inline Members made_sample(int64_t number, const std::string& json) {
  const std::string key = fmt::format("{:06}", number);
  return {{key + ".png", encode_png(made_image(number))}, {key + ".json", json}};
}

}  // namespace defound::testing
