#include "defound/data/shard.h"

#include <algorithm>
#include <numeric>

#include "defound/core/error.h"

namespace defound {
namespace {

constexpr std::string_view kAddressMark = ".tar#";

}  // namespace

std::optional<ShardAddress> parse_shard_address(const fs::path& path) {
  const std::string& text = path.native();
  const size_t at = text.find(kAddressMark);
  if (at == std::string::npos) return std::nullopt;
  return ShardAddress{text.substr(0, at + kAddressMark.size() - 1), text.substr(at + kAddressMark.size())};
}

fs::path shard_address(const fs::path& shard, const std::string& member) { return shard.native() + "#" + member; }

Shard::Shard(std::shared_ptr<MappedFile> file)
    : file_(std::move(file)), members_(read_tar_directory(file_->bytes(), file_->path().string())), by_name_(members_.size()) {
  std::iota(by_name_.begin(), by_name_.end(), 0U);
  const auto name_of = [&](uint32_t i) -> const std::string& { return members_[i].name; };
  std::sort(by_name_.begin(), by_name_.end(), [&](uint32_t a, uint32_t b) { return name_of(a) < name_of(b); });
  const auto twice =
      std::adjacent_find(by_name_.begin(), by_name_.end(), [&](uint32_t a, uint32_t b) { return name_of(a) == name_of(b); });
  if (twice != by_name_.end()) reject("{} holds two members named {}", path().string(), name_of(*twice));
}

std::shared_ptr<const Shard> Shard::open(const fs::path& path) {
  auto file = MappedFile::open(path);
  file->release_descriptor();
  return std::shared_ptr<const Shard>(new Shard(std::move(file)));
}

const TarMember* Shard::find(const std::string& name) const {
  const auto at = std::lower_bound(by_name_.begin(), by_name_.end(), name,
                                   [&](uint32_t i, const std::string& wanted) { return members_[i].name < wanted; });
  return at == by_name_.end() || members_[*at].name != name ? nullptr : &members_[*at];
}

std::string_view Shard::content(const std::string& name) const {
  const TarMember* member = find(name);
  if (member == nullptr) reject("{} holds no member named {}; is the manifest that of these shards?", path().string(), name);
  return content(*member);
}

}  // namespace defound
