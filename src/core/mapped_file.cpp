#include "defound/core/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "defound/core/crc32.h"
#include "defound/core/error.h"

namespace defound {

std::shared_ptr<MappedFile> MappedFile::open(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path, error)) reject("{} does not exist", path.string());
  if (!fs::is_regular_file(path, error)) reject("{} is not a file", path.string());
  std::shared_ptr<MappedFile> file(new MappedFile(path));
  file->file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (file->file_ < 0 || fstat(file->file_, &status) != 0) reject("cannot read {}: {}", path.string(), std::strerror(errno));
  file->size_ = static_cast<size_t>(status.st_size);
  if (file->size_ == 0) return file;
  // NORESERVE: untouched pages of a large file need no swap to stand by.
  void* data = mmap(nullptr, file->size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file->file_, 0);
  if (data == MAP_FAILED) file->size_ = 0, reject("cannot map {} into memory: {}", path.string(), std::strerror(errno));
  file->data_ = static_cast<char*>(data);
  return file;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(data_, size_);
  release_descriptor();
}

void MappedFile::release_descriptor() {
  if (file_ >= 0) close(file_);
  file_ = -1;
}

uint32_t MappedFile::checksum(uint64_t begin, uint64_t count) const {
  std::vector<char> piece(std::min<uint64_t>(count, 1 << 20));
  uint32_t value = 0;
  while (count > 0) {
    const ssize_t got = pread(file_, piece.data(), std::min<uint64_t>(count, piece.size()), static_cast<off_t>(begin));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) reject("cannot read {}: {}", path_.string(), got == 0 ? "it has become shorter" : std::strerror(errno));
    value = crc32({piece.data(), static_cast<size_t>(got)}, value);
    begin += static_cast<uint64_t>(got), count -= static_cast<uint64_t>(got);
  }
  return value;
}

}  // namespace defound
