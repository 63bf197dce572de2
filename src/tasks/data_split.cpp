#include "defound/tasks/data_split.h"

#include "data_summary.h"
#include "defound/core/error.h"
#include "defound/core/log.h"
#include "defound/data/load_table.h"
#include "defound/data/manifest.h"
#include "defound/data/split.h"

namespace defound {

void DataSplitConfig::visit(Visitor& v) {
  data.visit(v);
  v.group("Split");
  v(field("shares", "shares of train,val,test, which add up to 1"), shares);
  v(field("seed", "another seed gives another split").range(0, 9.0e18), seed);
  v(field("output", "the manifest to write: a .csv, or a folder for manifest.csv"), output);
  v(field("json", "print one JSON object instead of a table"), json);
  v(field("log_level", "what goes to stderr: debug, info, warn, error, off").one_of({"debug", "info", "warn", "error", "off"}), log_level);
}

std::string data_split(DataSplitConfig& config) {
  log::set_level(config.log_level);
  const std::array<double, 3> shares = parse_shares(config.shares);
  if (config.output.empty()) reject("--output is missing: where the manifest goes");
  const fs::path output(config.output), manifest = output.extension() == ".csv" ? output : output / "manifest.csv";
  if (fs::exists(manifest)) reject("{} exists; it is not overwritten", manifest.string());
  ImageTable table = load_table(config.data);
  if (has_splits(table)) log::warn("the images have splits already; the new manifest replaces them");
  assign_splits(table, shares, static_cast<uint64_t>(config.seed));
  const Json counts = count_summary(table);
  for (const auto& [name, row] : counts["classes"].items())
    for (const auto& [split, count] : row.items())
      if (count == 0) log::warn("class '{}' has no image in split {}: it has too few patients", name, split);
  write_manifest(manifest, table);
  return config.json ? counts.dump(2) + "\n" : count_text(counts);
}

}  // namespace defound
