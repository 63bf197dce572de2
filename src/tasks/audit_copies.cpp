#include "audit_copies.h"

#include <algorithm>
#include <set>

#include "audit_pictures.h"
#include "defound/core/log.h"
#include "defound/core/progress.h"
#include "defound/data/image_files.h"
#include "defound/eval/memorization/copy_kind.h"

namespace defound {
namespace {

constexpr double kLeastCopySimilarity = 0.5;   // however little alike the real images are

torch::Tensor chosen_pictures(const torch::Tensor& pictures, const std::vector<int64_t>& rows) {
  return pictures.index_select(0, torch::tensor(rows, torch::kInt64));
}

std::vector<int64_t> values_at(const std::vector<int64_t>& values, const std::vector<int64_t>& rows) {
  std::vector<int64_t> out;
  for (const int64_t row : rows) out.push_back(values[static_cast<size_t>(row)]);
  return out;
}

/// At most `most` of 0 .. count-1, evenly spaced.
std::vector<int64_t> calibration_rows(int64_t count, int64_t most) {
  std::vector<int64_t> rows(static_cast<size_t>(std::min(count, most)));
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int64_t>(i) * count / static_cast<int64_t>(rows.size());
  return rows;
}

/// Real images against the training images of other patients: what likeness is without copying.
struct Calibration {
  std::vector<int64_t> rows, patients;   ///< of the reference
  std::vector<CopyMatch> matches;
};

/// Sets the threshold on the first half of the patients, and measures on the second how often it is wrong.
void calibrate(CopyAudit& audit, const Calibration& real, const std::vector<int64_t>& train, const AuditConfig& config) {
  const auto seed = static_cast<uint64_t>(config.run.seed);
  const std::vector<uint8_t> half = patient_halves(real.patients, seed);
  std::vector<double> first;
  std::vector<std::string> patients;
  std::vector<size_t> second;
  for (size_t i = 0; i < real.matches.size(); ++i) {
    if (real.matches[i].reference < 0) continue;
    if (half[i] == 0) first.push_back(real.matches[i].similarity);
    else
      second.push_back(i), audit.real_similarities.push_back(real.matches[i].similarity),
          patients.push_back(std::to_string(real.patients[i]));
  }
  audit.threshold = copy_threshold(first, config.false_alarms);
  audit.threshold.value = std::max(audit.threshold.value, kLeastCopySimilarity);
  for (size_t i = 0; i < real.matches.size(); ++i)
    if (real.matches[i].similarity > audit.threshold.value)
      audit.alike.emplace_back(real.rows[i], train[static_cast<size_t>(real.matches[i].reference)]);
  const auto share = [&](Counts counts) {
    double above = 0, all = 0;
    for (size_t i = 0; i < second.size(); ++i) {
      const double times = counts.empty() ? 1.0 : static_cast<double>(counts[i]);
      all += times, above += audit.real_similarities[i] > audit.threshold.value ? times : 0;
    }
    return std::vector<double>{above / all};
  };
  audit.false_alarm_rate = share({}).front();
  audit.false_alarm_interval = bootstrap_intervals(group_by_patient(patients, std::vector<int64_t>(patients.size(), 0)),
                                                   {1000, config.confidence_level, true, 1}, Draws(seed, "audit.false_alarms"),
                                                   share)
                                   .front();
}

std::vector<NearestImage> judge(const AuditSets& sets, const std::vector<CopyMatch>& matches, const std::vector<int64_t>& train,
                                double threshold) {
  const ImageFiles files;
  std::vector<NearestImage> out;
  for (size_t i = 0; i < matches.size(); ++i) {
    const int64_t row = train[static_cast<size_t>(matches[i].reference)];
    NearestImage nearest{row, matches[i].similarity, ""};
    if (nearest.similarity > threshold)
      nearest.copy = copy_kind(matches[i], files.image(sets.synthetic.rows[i].path),
                               files.image(sets.reference.rows[static_cast<size_t>(row)].path));
    out.push_back(nearest);
  }
  return out;
}

}  // namespace

int64_t CopyAudit::copies() const {
  return std::count_if(nearest.begin(), nearest.end(), [](const NearestImage& image) { return !image.copy.empty(); });
}

std::vector<bool> CopyAudit::repeated(int64_t images) const {
  std::vector<bool> out(static_cast<size_t>(images), false);
  for (const SimilarPair& pair : duplicates) out[static_cast<size_t>(pair.second)] = true;
  return out;
}

CopyAudit audit_copies(const AuditSets& sets, const AuditConfig& config, const RunDir& run, const torch::Device& device) {
  const torch::NoGradGuard no_grad;
  const fs::path made_file = run / ".synthetic-pictures", real_file = run / ".reference-pictures";
  CopyAudit audit;
  {
    audit.detail = picture_detail(sets.synthetic);
    const torch::Tensor made = gray_pictures(sets.synthetic, made_file, config.execution.num_workers, audit.detail);
    const torch::Tensor real = gray_pictures(sets.reference, real_file, config.execution.num_workers, audit.detail);
    const std::vector<int64_t> patients = patient_numbers(sets.reference), train = training_row_numbers(sets.reference);
    const torch::Tensor known = static_cast<int64_t>(train.size()) == real.size(0) ? real : chosen_pictures(real, train);
    const std::vector<int64_t> known_patients = values_at(patients, train);
    const CopySearchOptions options{config.candidates, device};
    const auto search = [&](const char* title, const torch::Tensor& queries, const std::vector<int64_t>& owners) {
      Progress progress(title, queries.size(0));
      return find_copies(queries, known, owners, known_patients, options, [&](int64_t done) { progress.update(done); });
    };
    Calibration calibration{calibration_rows(real.size(0), config.calibration_images), {}, {}};
    calibration.patients = values_at(patients, calibration.rows);
    calibration.matches = search("real against real", chosen_pictures(real, calibration.rows), calibration.patients);
    calibrate(audit, calibration, train, config);
    log::info("a copy is more than {:.4f} alike (at {} x {} pixels); {:.2f} % of held-out real images are", audit.threshold.value,
              audit.detail, audit.detail, 100 * audit.false_alarm_rate);
    audit.nearest = judge(sets, search("synthetic against real", made, std::vector<int64_t>(sets.synthetic.rows.size(), -1)),
                          train, audit.threshold.value);
    Progress progress("duplicates", made.size(0));
    audit.duplicates = find_duplicates(made, audit.threshold.value, options, [&](int64_t done) { progress.update(done); });
  }
  fs::remove(made_file), fs::remove(real_file);
  return audit;
}

}  // namespace defound
