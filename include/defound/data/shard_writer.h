#pragma once
#include <cstdint>
#include <fstream>
#include <string_view>

#include "defound/core/files.h"

namespace defound {

/// Writes a shard: a "ustar" archive (POSIX.1-2017; pax headers where a name needs them) of plain files with the mode 0644,
/// owner 0 and time 0, so that the bytes depend on names and contents only, and are those of Python's tarfile. It grows under
/// a temporary name and gets its own with publish(); without that nothing is left of it. Fails (exit 1) naming the path and
/// the system's reason.
class ShardWriter {
 public:
  explicit ShardWriter(const fs::path& path);
  ~ShardWriter();
  ShardWriter(const ShardWriter&) = delete;
  ShardWriter& operator=(const ShardWriter&) = delete;

  void add(const std::string& name, std::string_view content);
  void publish();

 private:
  void add_entry(const std::string& name, char type, std::string_view content);
  void write(std::string_view bytes);
  fs::path path_, temporary_;
  std::ofstream file_;
  uint64_t written_ = 0;
};

}  // namespace defound
