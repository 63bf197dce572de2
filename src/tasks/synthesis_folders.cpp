#include "synthesis_folders.h"

#include "defound/core/error.h"
#include "defound/core/stop.h"
#include "defound/image/image_ends.h"

namespace defound {

void SynthesisFolders::list(const fs::path& folder) {
  listed_ = folder;
  names_.clear(), temporaries_.clear();
  if (!is_there(folder)) return;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::string name = entry.path().filename().string();
    if (name.starts_with(".")) temporaries_.push_back(std::move(name));
    else names_.insert(std::move(name));
  }
}

bool SynthesisFolders::is_made(const fs::path& path) {
  if (path.parent_path() != listed_) list(path.parent_path());
  const std::string name = path.filename().string();
  if (names_.count(name) != 0) return true;
  std::error_code ignored;
  for (const std::string& temporary : temporaries_)
    if (is_temporary_of(temporary, name)) fs::remove(listed_ / temporary, ignored);
  return false;
}

int64_t SynthesisFolders::find_missing() {
  missing_.clear(), listed_.clear();
  plan_.for_each_row(part_, [&](int64_t row) {
    if (!is_made(output_ / plan_.image(row).path)) missing_.push_back(row);
  });
  return static_cast<int64_t>(missing_.size());
}

bool SynthesisFolders::make(SynthesisDrawing& drawing, const std::function<void(int64_t)>& made) {
  const int64_t there = plan_.size_of(part_) - static_cast<int64_t>(missing_.size());
  const auto batch = static_cast<size_t>(drawing.batch_size());
  for (size_t begin = 0; begin < missing_.size(); begin += batch) {
    if (StopSignal::requested()) return false;
    const size_t end = std::min(missing_.size(), begin + batch);
    write(drawing.draw(std::span(missing_).subspan(begin, end - begin)));
    made(there + static_cast<int64_t>(end));
  }
  return true;
}

void SynthesisFolders::write(const std::vector<DrawnImage>& images) const {
  std::vector<NewFile> files;
  fs::path folder;
  for (const DrawnImage& image : images) {
    files.push_back({output_ / image.planned.path, image.bytes});
    if (files.back().path.parent_path() == folder) continue;
    folder = files.back().path.parent_path();
    make_folder(folder);
  }
  publish_files(files);
}

void SynthesisFolders::verify() {
  listed_.clear();
  plan_.for_each_row(part_, [&](int64_t row) {
    const fs::path file = output_ / plan_.image(row).path;
    if (!is_made(file)) reject("{} is gone; remove the DONE of its part and make the part again", file.string());
    try {
      check_image_ends(file);
    } catch (const Error& error) {
      throw Error(error.code(), fmt::format("{}; remove it and the DONE of its part, and make the part again", error.what()));
    }
  });
}

}  // namespace defound
