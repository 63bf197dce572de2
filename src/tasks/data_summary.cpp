#include "data_summary.h"

#include <algorithm>
#include <map>
#include <set>

#include "text_table.h"

namespace defound {
namespace {

Json spread(std::vector<int64_t> values) {
  std::sort(values.begin(), values.end());
  return {{"least", values.front()}, {"median", values[values.size() / 2]}, {"most", values.back()}};
}

std::string spread_text(const Json& s) { return fmt::format("{} to {}, median {}", s["least"].get<int64_t>(), s["most"].get<int64_t>(), s["median"].get<int64_t>()); }

}  // namespace

Json count_summary(const ImageTable& table) {
  std::set<std::string> patients, splits;
  bool known = true;
  for (const ImageRow& row : table.rows) {
    patients.insert(row.patient);
    splits.insert(row.split);
    known = known && row.patient_known;
  }
  std::vector<std::string> names = table.classes;
  if (std::any_of(table.rows.begin(), table.rows.end(), [](const ImageRow& row) { return row.label < 0; })) names.push_back("");
  Json classes = Json::object();
  for (const std::string& name : names) {
    Json& counts = classes[name];
    int64_t all = 0;
    for (const char* split : {"train", "val", "test", ""}) {
      if (splits.count(split) == 0) continue;
      const auto count = std::count_if(table.rows.begin(), table.rows.end(), [&](const ImageRow& row) { return row.label_name == name && row.split == split; });
      counts[*split == '\0' ? "no_split" : split] = count;
      all += count;
    }
    if (splits == std::set<std::string>{""}) counts.erase("no_split");
    counts["images"] = all;
  }
  return {{"images", table.size()}, {"patients", known ? Json(patients.size()) : Json(nullptr)}, {"classes", classes}};
}

std::string count_text(const Json& counts) {
  std::vector<std::vector<std::string>> rows{{"class"}};
  std::vector<int64_t> sums;
  for (const auto& [name, row] : counts["classes"].items()) {
    rows.push_back({name.empty() ? "(no label)" : name});
    sums.resize(row.size());
    size_t column = 0;
    for (const auto& [title, count] : row.items()) {
      if (rows.size() == 2) rows[0].push_back(title);
      rows.back().push_back(std::to_string(count.get<int64_t>()));
      sums[column++] += count.get<int64_t>();
    }
  }
  rows.push_back({"all"});
  for (const int64_t sum : sums) rows.back().push_back(std::to_string(sum));
  return fmt::format("{} images, {} patients, {} classes\n\n", counts["images"].get<int64_t>(),
                     counts["patients"].is_null() ? "unknown" : std::to_string(counts["patients"].get<int64_t>()),
                     counts["classes"].size() - counts["classes"].count("")) + text_table(rows);
}

Json size_summary(const std::vector<PixelSize>& sizes) {
  if (sizes.empty()) return nullptr;
  std::vector<int64_t> widths, heights;
  std::map<int64_t, int64_t> histogram;
  for (const PixelSize& size : sizes) {
    widths.push_back(size.width), heights.push_back(size.height);
    int64_t from = 1;
    while (2 * from <= std::min(size.width, size.height)) from *= 2;
    ++histogram[from];
  }
  Json shorter = Json::array();
  for (const auto& [from, count] : histogram) shorter.push_back({{"from", from}, {"images", count}});
  return {{"width", spread(widths)}, {"height", spread(heights)}, {"shorter_side", shorter}};
}

std::string size_text(const Json& sizes) {
  if (sizes.is_null()) return "";
  std::vector<std::vector<std::string>> rows{{"shorter side", "images"}};
  for (const Json& bin : sizes["shorter_side"]) {
    const auto from = bin["from"].get<int64_t>();
    rows.push_back({fmt::format("{}-{} px", from, 2 * from - 1), std::to_string(bin["images"].get<int64_t>())});
  }
  return fmt::format("width {}; height {}\n\n", spread_text(sizes["width"]), spread_text(sizes["height"])) + text_table(rows);
}

}  // namespace defound
