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
  for (const fs::path& other : others) read(other, others_);
  read(file_, rows_);
}

void RedrawnImages::read(const fs::path& file, Rows& rows) {
  if (!is_there(file)) return;
  const auto records = parse_csv(read_text(file), file.string());
  for (size_t i = 1; i < records.size(); ++i) {
    const std::string origin = fmt::format("{}:{}", file.string(), records[i].line);
    if (records[i].fields.size() != 3) reject("{}: expected path,seed,redrawn", origin);
    rows[records[i].fields[0]] = {parse_seed(records[i].fields[1], origin), parse_seed(records[i].fields[2], origin)};
  }
}

void RedrawnImages::apply(PlannedImage& image) const {
  for (const Rows* rows : {&others_, &rows_})
    if (const auto row = rows->find(image.path); row != rows->end() && row->second.first == image.seed) {
      image.seed = row->second.seed;
      return;
    }
}

void RedrawnImages::redraw(PlannedImage& image) {
  const auto row = rows_.try_emplace(image.path, Row{image.seed, image.seed}).first;
  image.seed = row->second.seed = redrawn_seed(row->second.seed);
  save();
}

void RedrawnImages::save() const {
  std::string text = csv_line({"path", "seed", "redrawn"});
  for (const auto& [path, row] : rows_) text += csv_line({path, std::to_string(row.first), std::to_string(row.seed)});
  write_atomic(file_, text);
}

}  // namespace defound
