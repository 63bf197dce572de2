#include <fmt/format.h>

#include "audit_copies.h"
#include "defound/data/csv.h"
#include "defound/data/manifest.h"

namespace defound {
namespace {

std::string similarity_text(double similarity) { return fmt::format("{:.6f}", similarity); }

}  // namespace

std::string memorization_csv(const AuditSets& sets, const CopyAudit& copies, const fs::path& folder) {
  std::string text = csv_line({"path", "nearest", "similarity", "copy"});
  for (size_t i = 0; i < copies.nearest.size(); ++i) {
    const NearestImage& nearest = copies.nearest[i];
    text += csv_line({manifest_path(sets.synthetic.rows[i].path, folder),
                      manifest_path(sets.reference.rows[static_cast<size_t>(nearest.reference)].path, folder),
                      similarity_text(nearest.similarity), nearest.copy});
  }
  return text;
}

std::string duplicates_csv(const AuditSets& sets, const CopyAudit& copies, const fs::path& folder) {
  std::string text = csv_line({"path", "other", "similarity"});
  for (const SimilarPair& pair : copies.duplicates)
    text += csv_line({manifest_path(sets.synthetic.rows[static_cast<size_t>(pair.second)].path, folder),
                      manifest_path(sets.synthetic.rows[static_cast<size_t>(pair.first)].path, folder),
                      similarity_text(pair.similarity)});
  return text;
}

Json copies_json(const AuditSets& sets, const CopyAudit& copies, const AuditConfig& config) {
  Json kinds = Json::object(), alike = Json::array();
  for (const NearestImage& nearest : copies.nearest)
    if (!nearest.copy.empty()) kinds[nearest.copy] = kinds.value(nearest.copy, int64_t{0}) + 1;
  for (const auto& [one, other] : copies.alike)
    alike.push_back({sets.reference.rows[static_cast<size_t>(one)].path.string(),
                     sets.reference.rows[static_cast<size_t>(other)].path.string()});
  const auto repeated = copies.repeated(sets.synthetic.size());
  return {{"compared_pixels", copies.detail},
          {"threshold", copies.threshold.value},
          {"threshold_images", copies.threshold.images},
          {"asked_false_alarm_rate", config.false_alarms},
          {"false_alarm_rate",
           {{"value", copies.false_alarm_rate},
            {"low", copies.false_alarm_interval.low},
            {"high", copies.false_alarm_interval.high},
            {"n", copies.real_similarities.size()}}},
          {"copies", copies.copies()},
          {"kinds", kinds},
          {"near_duplicates", std::count(repeated.begin(), repeated.end(), true)},
          {"real_images_alike", alike}};
}

}  // namespace defound
