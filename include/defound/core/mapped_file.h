#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "defound/core/files.h"

namespace defound {

/// A file in memory without reading it: pages come when they are touched. The mapping is private: a page that is
/// written to becomes the process's own, the file stays as it is. Renaming or deleting the file does no harm; cutting it
/// short in place while it is mapped ends the process (SIGBUS), which products that appear by rename never do.
class MappedFile {
 public:
  /// Rejects (exit 2) what does not exist, is no regular file or cannot be read.
  static std::shared_ptr<MappedFile> open(const fs::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view bytes() const { return {data_, size_}; }
  char* data() { return data_; }
  const fs::path& path() const { return path_; }

  /// Gives the file's descriptor back, as thousands of shards would use up the process's; the mapping stays, checksum()
  /// can no longer be asked for.
  void release_descriptor();

  /// CRC-32 of `count` bytes at `begin`, read past the mapping: no page of it becomes resident.
  uint32_t checksum(uint64_t begin, uint64_t count) const;

 private:
  explicit MappedFile(const fs::path& path) : path_(path) {}
  fs::path path_;
  int file_ = -1;
  char* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace defound
