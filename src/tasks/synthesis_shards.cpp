#include "synthesis_shards.h"

#include <numeric>

#include "defound/config/json.h"
#include "defound/core/error.h"
#include "defound/core/stop.h"
#include "defound/data/shard.h"
#include "defound/data/shard_writer.h"
#include "defound/image/image_header.h"

namespace defound {
namespace {

/// The names of an image and of its description in their shard.
std::pair<std::string, std::string> member_names(const PlannedImage& image) {
  const std::string name = image.path.substr(image.path.find('#') + 1);
  return {name, name.substr(0, name.find('.')) + ".json"};
}

/// Removes what killed processes left of a shard.
void remove_temporaries_of(const fs::path& shard, const std::vector<std::string>& hidden) {
  std::error_code ignored;
  for (const std::string& name : hidden)
    if (is_temporary_of(name, shard.filename().string())) fs::remove(shard.parent_path() / name, ignored);
}

}  // namespace

std::string SynthesisShards::description(const PlannedImage& image) const {
  return Json{{"label", plan_.sets()[image.set].label}, {"split", "train"}, {"prompt", image.request}, {"source", "synthetic"},
              {"seed", image.seed}, {"generator", generator_hash_}}.dump();
}

int64_t SynthesisShards::find_missing() {
  missing_.clear();
  int64_t rows = 0;
  std::vector<std::string> hidden;
  if (is_there(output_ / "shards"))
    for (const auto& entry : fs::directory_iterator(output_ / "shards"))
      if (std::string name = entry.path().filename().string(); name.starts_with(".")) hidden.push_back(std::move(name));
  for (int64_t shard = part_.index; shard < plan_.shard_count(); shard += part_.count) {
    const fs::path path = output_ / plan_.shard_path(shard);
    if (is_there(path)) continue;
    remove_temporaries_of(path, hidden);
    const auto [begin, end] = plan_.rows_of_shard(shard);
    missing_.push_back(shard), rows += end - begin;
  }
  return rows;
}

bool SynthesisShards::make(SynthesisDrawing& drawing, const std::function<void(int64_t)>& made) {
  int64_t done = plan_.size_of(part_) - find_missing();
  if (!missing_.empty()) make_folder(output_ / "shards");
  for (const int64_t shard : missing_) {
    if (!make_shard(shard, drawing, [&](int64_t rows) { made(done + rows); })) return false;
    done += plan_.rows_of_shard(shard).second - plan_.rows_of_shard(shard).first;
  }
  return true;
}

/// A shard that a signal stops is given up: it is the unit of work.
bool SynthesisShards::make_shard(int64_t shard, SynthesisDrawing& drawing, const std::function<void(int64_t)>& made) const {
  const auto [first, last] = plan_.rows_of_shard(shard);
  ShardWriter writer(output_ / plan_.shard_path(shard));
  for (int64_t begin = first; begin < last; begin += drawing.batch_size()) {
    if (StopSignal::requested()) return false;
    std::vector<int64_t> rows(static_cast<size_t>(std::min(last - begin, drawing.batch_size())));
    std::iota(rows.begin(), rows.end(), begin);
    for (const DrawnImage& image : drawing.draw(rows)) {
      const auto [name, description_name] = member_names(image.planned);
      writer.add(name, image.bytes);
      writer.add(description_name, description(image.planned));
    }
    made(rows.back() + 1 - first);
  }
  writer.publish();
  return true;
}

void SynthesisShards::verify(const RedrawnImages& redrawn) const {
  for (int64_t shard = part_.index; shard < plan_.shard_count(); shard += part_.count) verify_shard(shard, redrawn);
}

void SynthesisShards::verify_shard(int64_t shard, const RedrawnImages& redrawn) const {
  const fs::path path = output_ / plan_.shard_path(shard);
  if (!is_there(path)) reject("{} is gone; remove the DONE of its part and make the part again", path.string());
  const auto tar = Shard::open(path);
  const auto [begin, end] = plan_.rows_of_shard(shard);
  const auto wrong = [&](const std::string& what) {
    reject("{}: {}; remove it and the DONE of its part, and make the part again", path.string(), what);
  };
  if (static_cast<int64_t>(tar->members().size()) != 2 * (end - begin))
    wrong(fmt::format("{} members where {} are expected", tar->members().size(), 2 * (end - begin)));
  for (int64_t row = begin; row < end; ++row) {
    PlannedImage image = plan_.image(row);
    redrawn.apply(image);
    const auto [name, description_name] = member_names(image);
    const auto at = static_cast<size_t>(2 * (row - begin));
    const TarMember &picture = tar->members()[at], &text = tar->members()[at + 1];
    if (picture.name != name || text.name != description_name)
      wrong(fmt::format("{} stands where {} is expected", picture.name, name));
    if (tar->content(text) != description(image)) wrong(fmt::format("{} is not what the plan says of {}", text.name, name));
    read_image_header(tar->content(picture), shard_address(path, name).string());
  }
}

}  // namespace defound
