#include "redrawn_images.h"

#include <charconv>

#include "defound/core/error.h"
#include "defound/data/csv.h"

namespace defound {
namespace {

uint64_t parse_seed(const std::string& text, const std::string& origin) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) reject("{}: '{}' is no seed", origin, text);
  return value;
}

}  // namespace

RedrawnImages::RedrawnImages(fs::path file, const std::vector<fs::path>& others) : file_(std::move(file)) {
  read(file_, rows_);
  read(file_, known_);
  for (const fs::path& other : others) read(other, known_);
}

void RedrawnImages::read(const fs::path& file, Rows& rows) {
  if (!is_there(file)) return;
  const auto records = parse_csv(read_text(file), file.string());
  for (size_t i = 1; i < records.size(); ++i) {
    const std::string origin = fmt::format("{}:{}", file.string(), records[i].line);
    const auto& fields = records[i].fields;
    if (fields.size() != 3) reject("{}: expected path,seed,redrawn", origin);
    rows[fields[0]][parse_seed(fields[1], origin)] = parse_seed(fields[2], origin);
  }
}

void RedrawnImages::apply(PlannedImage& image) const {
  const auto row = known_.find(image.path);
  if (row == known_.end()) return;
  for (size_t steps = 0; steps < row->second.size(); ++steps)   // no more, whatever a file says
    if (const auto step = row->second.find(image.seed); step != row->second.end()) image.seed = step->second;
}

void RedrawnImages::redraw(PlannedImage& image) {
  const uint64_t next = redrawn_seed(image.seed);
  rows_[image.path][image.seed] = known_[image.path][image.seed] = next;
  image.seed = next;
  save();
}

void RedrawnImages::save() const {
  std::string text = csv_line({"path", "seed", "redrawn"});
  for (const auto& [path, steps] : rows_)
    for (const auto& [seed, redrawn] : steps) text += csv_line({path, std::to_string(seed), std::to_string(redrawn)});
  write_atomic(file_, text);
}

}  // namespace defound
