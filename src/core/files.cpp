#include "defound/core/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <numeric>
#include <set>
#include <system_error>

#include "defound/core/error.h"

namespace defound {
namespace {

void sync_path(const fs::path& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  fsync(file);
  close(file);
}

fs::path folder_of(const fs::path& path) { return path.parent_path().empty() ? fs::path(".") : path.parent_path(); }

/// `path` is what a message names.
void write_whole(const fs::path& temporary, std::string_view content, const fs::path& path) {
  const int file = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) fail("cannot write {}: {}", path.string(), std::strerror(errno));
  for (size_t at = 0; at < content.size();) {
    const ssize_t written = ::write(file, content.data() + at, content.size() - at);
    if (written < 0) {
      const int reason = errno;
      if (reason == EINTR) continue;
      close(file);
      fail("cannot write {}: {}", path.string(), std::strerror(reason));
    }
    at += static_cast<size_t>(written);
  }
  if (close(file) != 0) fail("cannot write {}: {}", path.string(), std::strerror(errno));
}

/// One sync for all files that were written to the file system of `folder`.
void sync_file_system(const fs::path& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) fail("cannot open {}: {}", folder.string(), std::strerror(errno));
  const int reason = syncfs(descriptor) == 0 ? 0 : errno;
  close(descriptor);
  if (reason != 0) fail("cannot write to {}: {}", folder.string(), std::strerror(reason));
}

}  // namespace

fs::path temporary_path(const fs::path& path) {
  return path.parent_path() / fmt::format(".{}.{}.tmp{}", path.stem().string(), getpid(), path.extension().string());
}

bool is_temporary_of(const std::string& name, const std::string& final_name) {
  const fs::path final_path(final_name);
  const std::string head = "." + final_path.stem().string() + ".", tail = ".tmp" + final_path.extension().string();
  if (name.size() <= head.size() + tail.size() || !name.starts_with(head) || !name.ends_with(tail)) return false;
  return std::string_view(name).substr(head.size(), name.size() - head.size() - tail.size()).find_first_not_of("0123456789") ==
         std::string::npos;
}

std::string read_text(const fs::path& path, uint64_t most_bytes) {
  std::error_code error;
  const bool found = fs::exists(path, error);
  if (error) reject("cannot read {}: {}", path.string(), error.message());  // in a folder that may not be entered, say
  if (!found) reject("{} does not exist", path.string());
  if (fs::is_directory(path, error)) reject("{} is a folder; a file was expected", path.string());
  const uint64_t size = fs::file_size(path, error);
  if (!error && size > most_bytes) reject("{} has {} bytes; at most {} are read", path.string(), size, most_bytes);
  std::ifstream file(path, std::ios::binary);
  if (!file) reject("cannot read {}: {}", path.string(), std::strerror(errno));
  std::string content(error ? 0 : size, '\0');
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  content.resize(static_cast<size_t>(file.gcount()));
  return content;
}

void publish(const fs::path& path, const std::function<void(const fs::path&)>& write) {
  const fs::path temporary = temporary_path(path);
  try {
    write(temporary);
    sync_path(temporary);
    fs::rename(temporary, path);
  } catch (const Error&) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw;
  } catch (const std::exception& e) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    fail("cannot write {}: {}", path.string(), e.what());
  }
  sync_path(folder_of(path));
}

void write_atomic(const fs::path& path, std::string_view content) {
  publish(path, [&](const fs::path& temporary) { write_whole(temporary, content, path); });
}

void publish_files(std::span<const NewFile> files) {
  if (files.empty()) return;
  size_t renamed = 0;
  try {
    for (const NewFile& file : files) write_whole(temporary_path(file.path), file.content, file.path);
    sync_file_system(folder_of(files.front().path));
    for (; renamed < files.size(); ++renamed) fs::rename(temporary_path(files[renamed].path), files[renamed].path);
  } catch (const std::exception& e) {
    std::error_code ignored;
    for (size_t i = renamed; i < files.size(); ++i) fs::remove(temporary_path(files[i].path), ignored);
    if (dynamic_cast<const Error*>(&e) != nullptr) throw;
    fail("cannot write {}: {}", files[renamed].path.string(), e.what());
  }
  std::set<fs::path> folders;
  for (const NewFile& file : files) folders.insert(folder_of(file.path));
  for (const fs::path& folder : folders) sync_path(folder);
}

bool is_there(const fs::path& path) {
  std::error_code error;
  const bool found = fs::exists(path, error);
  if (error) fail("cannot look at {}: {}", path.string(), error.message());
  return found;
}

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error == std::errc::not_a_directory || (!error && !fs::is_directory(path)))
    reject("cannot create the folder {}: it, or a folder above it, is a file; give another name", path.string());
  if (error) fail("cannot create the folder {}: {}", path.string(), error.message());
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  size_t best_distance = std::max<size_t>(2, word.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    std::vector<size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 1; i <= word.size(); ++i) {
      size_t diagonal = std::exchange(row[0], i);
      for (size_t j = 1; j <= candidate.size(); ++j) {
        const size_t replaced = diagonal + (word[i - 1] != candidate[j - 1]);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
      }
    }
    if (row.back() < best_distance) best_distance = row.back(), best = candidate;
  }
  return best;
}

}  // namespace defound
