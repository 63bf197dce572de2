#include "defound/data/image_files.h"

#include <mutex>

#include "defound/image/image_io.h"

namespace defound {

std::shared_ptr<const Shard> ImageFiles::shard(const fs::path& path) const {
  {
    const std::shared_lock lock(mutex_);
    if (const auto found = shards_.find(path.native()); found != shards_.end()) return found->second;
  }
  auto opened = Shard::open(path);   // outside the lock: others go on reading meanwhile
  const std::lock_guard lock(mutex_);
  return shards_.emplace(path.native(), std::move(opened)).first->second;
}

std::string_view ImageFiles::bytes(const fs::path& path, std::string& storage) const {
  if (const auto address = parse_shard_address(path)) return shard(address->shard)->content(address->member);
  storage = read_text(path);
  return storage;
}

Image ImageFiles::image(const fs::path& path, int64_t shortest_needed) const {
  std::string storage;
  return decode_image(bytes(path, storage), path.string(), shortest_needed);
}

}  // namespace defound
