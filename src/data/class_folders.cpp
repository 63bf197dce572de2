#include "defound/data/class_folders.h"

#include <algorithm>
#include <system_error>

#include "defound/core/error.h"

namespace defound {
namespace {

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with("."); }
bool is_split_name(const fs::path& path) { return path.filename() == "train" || path.filename() == "val" || path.filename() == "test"; }

struct Listing {
  std::vector<fs::path> folders, images;   ///< sorted
};

Listing list(const fs::path& folder) {
  Listing result;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (is_hidden(entry->path())) continue;
    std::error_code ignored;  // a broken link is no folder, and found unreadable later
    if (entry->is_directory(ignored)) result.folders.push_back(entry->path());
    else if (is_image_name(entry->path())) result.images.push_back(entry->path());
  }
  if (error) reject("cannot read the folder {}: {}", folder.string(), error.message());
  std::sort(result.folders.begin(), result.folders.end());
  std::sort(result.images.begin(), result.images.end());
  return result;
}

bool holds_shards(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (entry->path().extension() == ".tar" && !is_hidden(entry->path())) return true;
  return false;
}

void add_below(const fs::path& folder, const std::string& label, const std::string& split, ImageTable& table) {
  const Listing listing = list(folder);
  for (const fs::path& image : listing.images) {
    ImageRow row;
    row.path = image.lexically_normal();
    row.origin = row.patient = row.path.string();
    row.label_name = label;
    row.split = split;
    table.rows.push_back(std::move(row));
  }
  for (const fs::path& deeper : listing.folders) add_below(deeper, label, split, table);
}

/// A folder of class folders, or of images without labels.
void add_classes(const fs::path& folder, const std::string& split, ImageTable& table) {
  const Listing listing = list(folder);
  if (listing.folders.empty()) return add_below(folder, "", split, table);
  if (!listing.images.empty())
    reject("{} lies beside class folders; put it into one, or list the images in a manifest.csv", listing.images.front().string());
  for (const fs::path& class_folder : listing.folders) {
    const size_t before = table.rows.size();
    add_below(class_folder, class_folder.filename().string(), split, table);
    if (table.rows.size() == before) reject("the class folder {} holds no image (.jpg, .png, .tif, .bmp, .webp); fill it or remove it", class_folder.string());
  }
}

}  // namespace

bool is_image_name(const fs::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  for (const char* known : {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp"})
    if (extension == known) return true;
  return false;
}

ImageTable read_class_folders(const fs::path& folder) {
  ImageTable table;
  const Listing top = list(folder);
  if (!top.folders.empty() && std::all_of(top.folders.begin(), top.folders.end(), is_split_name)) {
    for (const fs::path& split : top.folders) add_classes(split, split.filename().string(), table);
  } else {
    add_classes(folder, "", table);
  }
  if (table.rows.empty() && holds_shards(folder))
    reject("{} holds shards; name them with a quoted pattern: --data '{}'", folder.string(), (folder / "*.tar").string());
  if (table.rows.empty()) reject("{} holds no image (.jpg, .png, .tif, .bmp, .webp) and no manifest.csv", folder.string());
  return table;
}

}  // namespace defound
