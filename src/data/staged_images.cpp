#include "defound/data/staged_images.h"

#include <cstdlib>
#include <map>

#include "defound/core/error.h"
#include "defound/core/log.h"
#include "defound/core/progress.h"
#include "defound/data/parallel_for.h"

namespace defound {
namespace {

constexpr size_t kFilesInFolder = 10000;

/// The file of a row, and what follows it for a member of a shard ("#name.jpg").
std::pair<std::string, std::string> file_and_member(const fs::path& path) {
  const std::string text = path.string();
  const size_t mark = text.find(".tar#");
  return mark == std::string::npos ? std::pair{text, std::string()} : std::pair{text.substr(0, mark + 4), text.substr(mark + 4)};
}

/// Each file once, with its place in the folder: numbered in the order of the rows, the same for all processes.
std::map<std::string, fs::path> places(std::span<ImageTable* const> tables, const fs::path& folder) {
  std::map<std::string, fs::path> found;
  for (const ImageTable* table : tables)
    for (const ImageRow& row : table->rows) {
      const std::string file = file_and_member(row.path).first;
      const size_t number = found.size();
      found.try_emplace(file, folder / std::to_string(number / kFilesInFolder) / (std::to_string(number) + fs::path(file).extension().string()));
    }
  return found;
}

void require_room(const std::map<std::string, fs::path>& files, const fs::path& folder) {
  uintmax_t needed = 0;
  for (const auto& [file, place] : files) needed += fs::file_size(file);
  const uintmax_t free = fs::space(folder).available;
  if (needed > free)
    reject("--stage_data needs {:.1f} GB in {}, where {:.1f} GB are free; set TMPDIR to a larger disk of this machine, or leave it out",
           static_cast<double>(needed) / 1e9, folder.string(), static_cast<double>(free) / 1e9);
}

void copy_files(const std::map<std::string, fs::path>& files, const fs::path& folder, int64_t threads) {
  const std::vector<std::pair<std::string, fs::path>> list(files.begin(), files.end());
  for (const auto& [file, place] : list) make_folder(place.parent_path());
  Progress progress("staging data in " + folder.string(), static_cast<int64_t>(list.size()), 0, "files");
  const auto copy = [&](int64_t i) {
    const auto& [file, place] = list[static_cast<size_t>(i)];
    std::error_code error;
    fs::copy_file(file, place, fs::copy_options::overwrite_existing, error);
    if (error) fail("cannot copy {} to {}: {}", file, place.string(), error.message());
  };
  parallel_for(static_cast<int64_t>(list.size()), threads, copy, [&](int64_t done) { progress.update(done); });
}

/// All or nothing.
void copy_all(const std::map<std::string, fs::path>& files, const fs::path& folder, int64_t threads) {
  make_folder(folder);
  try {
    require_room(files, folder);
    copy_files(files, folder, threads);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
    throw;
  }
}

}  // namespace

fs::path scratch_folder() {
  const char* folder = std::getenv("TMPDIR");
  return folder != nullptr && *folder != '\0' ? fs::path(folder) : fs::path("/tmp");
}

StagedImages::StagedImages(std::span<ImageTable* const> tables, const fs::path& folder, bool copies, int64_t threads)
    : folder_(folder), copies_(copies) {
  const auto files = places(tables, folder);
  if (copies) copy_all(files, folder, threads);
  for (ImageTable* table : tables)
    for (ImageRow& row : table->rows) {
      const auto [file, member] = file_and_member(row.path);
      row.path = files.at(file).string() + member;
    }
}

StagedImages::~StagedImages() {
  std::error_code ignored;
  if (copies_) fs::remove_all(folder_, ignored);
}

}  // namespace defound
