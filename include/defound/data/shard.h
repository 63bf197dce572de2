#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "defound/core/mapped_file.h"
#include "defound/data/tar_directory.h"

namespace defound {

/// Where a member of a shard lies: "shard-000012.tar#name.jpg".
struct ShardAddress {
  fs::path shard;
  std::string member;
};

/// The address that a path is; nothing for the path of a file.
std::optional<ShardAddress> parse_shard_address(const fs::path& path);

/// The path that addresses a member.
fs::path shard_address(const fs::path& shard, const std::string& member);

/// A WebDataset shard: a tar archive in memory (mapped, not read) whose members are found by name. Thread-safe.
class Shard {
 public:
  /// Rejects (exit 2) what is no whole tar archive (read_tar_directory) or names a member twice.
  static std::shared_ptr<const Shard> open(const fs::path& path);

  const fs::path& path() const { return file_->path(); }
  const std::vector<TarMember>& members() const { return members_; }   ///< in the archive's order
  std::string_view content(const TarMember& member) const { return file_->bytes().substr(member.begin, member.size); }
  /// Rejects a name that is not there.
  std::string_view content(const std::string& name) const;
  /// nullptr when there is none of that name.
  const TarMember* find(const std::string& name) const;

 private:
  explicit Shard(std::shared_ptr<MappedFile> file);
  std::shared_ptr<MappedFile> file_;
  std::vector<TarMember> members_;
  std::vector<uint32_t> by_name_;   ///< places in members_, sorted by name
};

}  // namespace defound
