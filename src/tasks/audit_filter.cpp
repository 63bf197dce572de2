#include "audit_filter.h"

#include <unistd.h>

#include "defound/core/error.h"
#include "defound/data/manifest.h"

namespace defound {

fs::path filtered_manifest(const AuditConfig& config, bool may_exist) {
  if (config.data.data.size() != 1)
    reject("--write_filtered writes beside one manifest; --data names {}", config.data.data.size());
  const fs::path data = config.data.data.front();
  const fs::path path = (fs::is_directory(data) ? data : data.parent_path()) / "manifest-filtered.csv";
  if (!may_exist && is_there(path))
    reject("--write_filtered: {} is there already; move it away or audit without --write_filtered", path.string());
  return path;
}

ImageTable filter_synthetic(const AuditSets& sets, const CopyAudit& copies, const LabelAudit* labels) {
  const std::vector<bool> repeated = copies.repeated(sets.synthetic.size());
  ImageTable kept{{}, sets.synthetic.classes, sets.synthetic.extra_columns};
  for (int64_t row = 0; row < sets.synthetic.size(); ++row) {
    const auto at = static_cast<size_t>(row);
    if (copies.nearest[at].copy.empty() && !repeated[at] && (labels == nullptr || is_confirmed(*labels, sets, row)))
      kept.rows.push_back(sets.synthetic.rows[at]);
  }
  return kept;
}

void write_filtered_manifest(const fs::path& path, const ImageTable& table) {
  const fs::path fresh = path.parent_path() / fmt::format(".manifest-filtered.{}.csv", getpid());
  write_manifest(fresh, table);
  if (is_there(path) && read_text(path) != read_text(fresh)) {
    fs::remove(fresh);
    fail("{} has come to be there meanwhile and holds something else; move it away and run the same command with --resume auto",
         path.string());
  }
  fs::rename(fresh, path);
}

}  // namespace defound
