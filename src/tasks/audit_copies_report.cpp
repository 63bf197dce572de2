#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "audit_copies.h"
#include "thumbnail.h"

namespace defound {
namespace {

constexpr size_t kWorstPairs = 24, kMostDuplicates = 24, kMostAlike = 12;
constexpr int64_t kHistogramBins = 50;

std::string file_name(const ImageTable& table, int64_t row) {
  return table.rows[static_cast<size_t>(row)].path.filename().string();
}

/// Share of the values in each of the bins of -0.02 .. 1.
Curve histogram(const std::string& name, const std::vector<double>& values) {
  std::vector<double> shares(kHistogramBins + 1, 0);
  for (const double value : values)
    shares[static_cast<size_t>(std::clamp<int64_t>(static_cast<int64_t>(value * kHistogramBins), 0, kHistogramBins))] +=
        1.0 / static_cast<double>(values.size());
  Curve curve{name, {}, {}};
  for (size_t bin = 0; bin < shares.size(); ++bin)
    for (const size_t edge : {bin, bin + 1})
      curve.x.push_back(static_cast<double>(edge) / kHistogramBins), curve.y.push_back(shares[bin]);
  return curve;
}

void add_histogram(Report& report, const CopyAudit& copies) {
  std::vector<double> made;
  for (const NearestImage& nearest : copies.nearest) made.push_back(nearest.similarity);
  Curve real = histogram("held-out real images, to other patients", copies.real_similarities),
        synthetic = histogram("synthetic images", made);
  const double top = std::max(*std::max_element(real.y.begin(), real.y.end()),
                              *std::max_element(synthetic.y.begin(), synthetic.y.end()));
  report.plot(
      {"Similarity to the most similar training image", "similarity", "share of the images", false, std::pair{0.0, 1.0},
       std::pair{0.0, top * 1.05}},
      {real, synthetic, {"threshold", {copies.threshold.value, copies.threshold.value}, {0, top * 1.05}, /*dashed=*/true}});
}

void add_pair(std::vector<std::pair<std::string, std::string>>& pictures, const ImageTable& one, int64_t row,
              const std::string& caption, const ImageTable& other, int64_t nearest, const std::string& nearest_caption) {
  pictures.emplace_back(caption + "\n" + file_name(one, row), thumbnail(one.rows[static_cast<size_t>(row)].path));
  pictures.emplace_back(nearest_caption + "\n" + file_name(other, nearest),
                        thumbnail(other.rows[static_cast<size_t>(nearest)].path));
}

void add_worst_pairs(Report& report, const AuditSets& sets, const CopyAudit& copies) {
  std::vector<size_t> order(copies.nearest.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return copies.nearest[a].similarity > copies.nearest[b].similarity; });
  order.resize(std::min(order.size(), kWorstPairs));
  std::vector<std::pair<std::string, std::string>> pictures;
  for (const size_t i : order) {
    const NearestImage& nearest = copies.nearest[i];
    add_pair(pictures, sets.synthetic, static_cast<int64_t>(i),
             fmt::format("synthetic: {}, {:.3f}", nearest.copy.empty() ? "no copy" : nearest.copy, nearest.similarity),
             sets.reference, nearest.reference, "nearest real");
  }
  report.heading("The most similar pairs");
  report.gallery(pictures);
}

void add_duplicates(Report& report, const AuditSets& sets, const CopyAudit& copies) {
  if (copies.duplicates.empty()) return;
  std::vector<SimilarPair> pairs = copies.duplicates;
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const SimilarPair& a, const SimilarPair& b) { return a.similarity > b.similarity; });
  pairs.resize(std::min(pairs.size(), kMostDuplicates));
  std::vector<std::pair<std::string, std::string>> pictures;
  for (const SimilarPair& pair : pairs)
    add_pair(pictures, sets.synthetic, pair.second, fmt::format("{:.3f}", pair.similarity), sets.synthetic, pair.first,
             "like this earlier one");
  report.heading("Near-duplicates among the synthetic images");
  report.gallery(pictures);
}

/// Real images of different patients that are as alike as copies: one patient under two names, or a threshold too low.
void add_alike(Report& report, const AuditSets& sets, const CopyAudit& copies) {
  if (copies.alike.empty()) return;
  std::vector<std::pair<std::string, std::string>> pictures;
  for (size_t i = 0; i < std::min(copies.alike.size(), kMostAlike); ++i)
    add_pair(pictures, sets.reference, copies.alike[i].first, "real", sets.reference, copies.alike[i].second,
             "real, another patient");
  report.heading("Real images that are as alike as copies");
  report.paragraph("Pairs of different patients above the threshold: false alarms, or one person under two names.");
  report.gallery(pictures);
}

}  // namespace

void add_copies(Report& report, const AuditSets& sets, const CopyAudit& copies, const AuditConfig& config) {
  const auto made = static_cast<double>(std::max<int64_t>(1, sets.synthetic.size()));
  const auto repeated = copies.repeated(sets.synthetic.size());
  const auto duplicates = std::count(repeated.begin(), repeated.end(), true);
  const auto alarms = std::llround(copies.false_alarm_rate * static_cast<double>(copies.real_similarities.size()));
  report.heading("Copies of training images");
  report.table(
      {"", "images", "share"},
      {{"copies", std::to_string(copies.copies()), fmt::format("{:.2f} %", 100 * static_cast<double>(copies.copies()) / made)},
       {"near-duplicates of another synthetic image", std::to_string(duplicates),
        fmt::format("{:.2f} %", 100 * static_cast<double>(duplicates) / made)},
       {"false alarms on held-out real images", std::to_string(alarms),
        fmt::format("{:.2f} % ({:.2f} \u2013 {:.2f})", 100 * copies.false_alarm_rate, 100 * copies.false_alarm_interval.low,
                    100 * copies.false_alarm_interval.high)}});
  report.paragraph(fmt::format(
      "A copy is more than {:.4f} alike. At most a share of {:g} of {} real images, of one half of the patients, exceeds that "
      "with an image of another patient; the false alarms are measured on {} images of the other half. Similarity is the "
      "correlation of local contrast under three smoothings, or what the plain difference of the pixels says where there is "
      "little contrast, after an image was turned, moved and scaled onto the training images most like it. Real and synthetic "
      "images are compared at {} x {} pixels.",
      copies.threshold.value, config.false_alarms, copies.threshold.images, copies.real_similarities.size(), copies.detail, copies.detail));
  add_histogram(report, copies);
  add_worst_pairs(report, sets, copies);
  add_duplicates(report, sets, copies);
  add_alike(report, sets, copies);
}

}  // namespace defound
