#pragma once
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>

#include "defound/data/shard.h"
#include "defound/image/image.h"

namespace defound {

/// Reads images wherever a table says that they lie: files, or members of shards ("shard-000012.tar#name.jpg"). A shard is
/// mapped and its members are listed at its first use; it stays so, without a descriptor, as long as this object. Thread-safe.
class ImageFiles {
 public:
  /// The image's bytes as stored. A member's lie in its shard and are not copied; a file is read into `storage`. They are
  /// good as long as both. Rejects (exit 2) what cannot be read, by name.
  std::string_view bytes(const fs::path& path, std::string& storage) const;
  /// Decoded, as read_image does.
  Image image(const fs::path& path, int64_t shortest_needed = 0) const;

 private:
  std::shared_ptr<const Shard> shard(const fs::path& path) const;
  mutable std::shared_mutex mutex_;
  mutable std::map<std::string, std::shared_ptr<const Shard>> shards_;   ///< by path
};

}  // namespace defound
