#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace defound {

/// A file in a tar archive, and where its content lies.
struct TarMember {
  std::string name;
  uint64_t begin = 0, size = 0;   ///< of the bytes in the archive
};

/// The plain files of a tar archive in their order: POSIX.1-2017 "pax" and "ustar", GNU tar's long names, as Python's tarfile
/// and with it WebDataset write them. Only headers are looked at. Folders and links without content are left out. Rejects
/// (exit 2), naming `origin`: an archive that is cut off (it must end with its end mark), wrong checksums, sizes beyond the
/// end, sparse files, names that lead out of a folder ("/x", "a/../b") or are no UTF-8.
std::vector<TarMember> read_tar_directory(std::string_view bytes, const std::string& origin);

}  // namespace defound
