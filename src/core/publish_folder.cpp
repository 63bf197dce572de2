#include "defound/core/publish_folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "defound/core/error.h"

namespace defound {
namespace {

/// Without RENAME_EXCHANGE (some network file systems) there is an instant without the folder.
void replace(const fs::path& fresh, const fs::path& path) {
  if (renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) == 0) return;
  const fs::path old = fresh.string() + ".old";
  fs::rename(path, old);
  fs::rename(fresh, path);
  fs::rename(old, fresh);
}

}  // namespace

void publish_folder(const fs::path& path, const std::function<void(const fs::path&)>& write) {
  const fs::path folder = path.has_filename() ? path : path.parent_path();  // without a slash at the end
  const fs::path fresh = folder.parent_path() / fmt::format(".{}.{}.tmp", folder.filename().string(), getpid());
  std::error_code ignored;
  fs::remove_all(fresh, ignored);
  try {
    make_folder(fresh);
    write(fresh);
    if (fs::exists(folder))
      replace(fresh, folder);
    else
      fs::rename(fresh, folder);
  } catch (const Error&) {
    fs::remove_all(fresh, ignored);
    throw;
  } catch (const std::exception& e) {
    fs::remove_all(fresh, ignored);
    fail("cannot write {}: {}", folder.string(), e.what());
  }
  fs::remove_all(fresh, ignored);  // now the old folder, if there was one
}

}  // namespace defound
