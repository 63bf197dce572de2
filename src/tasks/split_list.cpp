#include "split_list.h"

#include <cmath>

#include "defound/core/error.h"
#include "defound/tensor/pickle.h"

namespace defound {
namespace {

constexpr uint64_t kMostSplitListBytes = uint64_t{1} << 28;   // 900,000 entries take about 60 MB

/// Whole numbers of any kind as digits ("2", 2, 2.0 and numpy's 2 are one class); texts as they are.
std::string label_text(const PickleValue& value, const std::string& where) {
  if (value.is(PickleKind::kInt)) return std::to_string(value.as_int());
  if (value.is(PickleKind::kBool)) return value.as_bool() ? "1" : "0";
  if (value.is(PickleKind::kFloat) && value.as_float() == std::floor(value.as_float()) && std::abs(value.as_float()) < 1e9)
    return std::to_string(static_cast<int64_t>(value.as_float()));
  if (value.is(PickleKind::kText) && !value.text().empty()) return std::string(value.text());
  reject("{}: the label must be a whole number or a text, not {}", where, pickle_kind_name(value.kind()));
}

}  // namespace

std::vector<SplitEntry> read_split_list(const fs::path& path) {
  const std::string origin = path.string();
  const Pickle pickle = Pickle::parse(read_text(path, kMostSplitListBytes), origin);
  const PickleValue root = pickle.root();
  if (!root.is(PickleKind::kList)) reject("{} holds {}; expected a list of {{\"img_root\", \"label\"}} dictionaries", origin, pickle_kind_name(root.kind()));
  std::vector<SplitEntry> entries;
  for (size_t i = 0; i < root.size(); ++i) {
    const std::string where = fmt::format("{}, entry {}", origin, i);
    const PickleValue item = root[i];
    if (!item.is(PickleKind::kDict)) reject("{} is {}; expected a dictionary with \"img_root\" and \"label\"", where, pickle_kind_name(item.kind()));
    const auto image = item.find("img_root"), label = item.find("label");
    if (!image || !label) reject("{} has no \"{}\"", where, image ? "label" : "img_root");
    if (!image->is(PickleKind::kText) || image->text().empty()) reject("{}: \"img_root\" must be a path", where);
    if (image->text().find('\0') != std::string_view::npos) reject("{}: \"img_root\" holds a NUL byte", where);
    entries.push_back({std::string(image->text()), label_text(*label, where)});
  }
  return entries;
}

}  // namespace defound
