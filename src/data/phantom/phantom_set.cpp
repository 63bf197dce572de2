#include "defound/data/phantom/phantom_set.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "defound/core/error.h"
#include "defound/core/files.h"
#include "defound/data/csv.h"
#include "defound/data/phantom/cxr_phantom.h"
#include "defound/data/phantom/fundus_phantom.h"
#include "defound/data/split.h"

namespace defound::phantom {
namespace {

int grade_of(const std::string& label, const std::string& modality) {
  const auto& known = known_labels(modality);
  const auto found = std::find(known.begin(), known.end(), label);
  if (found != known.end()) return static_cast<int>(found - known.begin());
  const std::string near = nearest(label, known);
  reject("--labels: {} phantoms have no label {}{}; known are {}", modality, label, near.empty() ? "" : " (did you mean " + near + "?)",
         fmt::join(known, ", "));
}

/// Images of each label: shares of the balance, rounded so that they add up to the count.
std::vector<int64_t> class_counts(const SetOptions& options) {
  std::vector<int64_t> weights = options.balance;
  if (weights.empty()) weights.assign(options.labels.size(), 1);
  if (weights.size() != options.labels.size()) {
    reject("--balance: {} numbers for {} labels; give one number for each label", weights.size(), options.labels.size());
  }
  for (const int64_t weight : weights) if (weight < 1) reject("--balance: {} is no relative number of images; each must be at least 1", weight);
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<int64_t> counts;
  double before = 0;
  for (const int64_t weight : weights) {
    const double after = before + static_cast<double>(weight);
    const double from = std::round(static_cast<double>(options.count) * before / sum), to = std::round(static_cast<double>(options.count) * after / sum);
    counts.push_back(static_cast<int64_t>(to - from));
    before = after;
  }
  return counts;
}

struct Patient {
  uint64_t id;
  size_t label;
  int64_t images;
};

/// Patients take turns over the labels; how many images one has is drawn before its label is known.
std::vector<Patient> draw_patients(std::vector<int64_t> left, int64_t most_images, const Draws& draws) {
  std::vector<Patient> patients;
  const std::vector<int64_t> all = left;
  for (uint64_t id = 0;; ++id) {
    const auto images = static_cast<int64_t>(1 + draws.purpose("visits").stream(id).below(static_cast<uint64_t>(most_images)));
    size_t label = 0;
    double share = 0;
    for (size_t i = 0; i < left.size(); ++i) {
      const double mine = all[i] > 0 ? static_cast<double>(left[i]) / static_cast<double>(all[i]) : 0;
      if (mine > share) share = mine, label = i;
    }
    if (share <= 0) return patients;
    patients.push_back({id, label, std::min(images, left[label])});
    left[label] -= patients.back().images;
  }
}

void draw_splits(std::vector<Row>& rows, const std::array<double, 3>& shares, uint64_t seed) {
  ImageTable table;
  for (const Row& row : rows) {
    ImageRow& image = table.rows.emplace_back();
    image.label_name = row.label, image.patient = row.patient;
  }
  assign_splits(table, shares, seed);
  for (size_t i = 0; i < rows.size(); ++i) rows[i].split = table.rows[i].split;
}

}  // namespace

const std::vector<std::string>& known_labels(const std::string& modality) {
  static const std::vector<std::string> fundus{"no_dr", "mild", "moderate", "severe", "proliferative"}, cxr{"no_finding", "pneumonia"};
  if (modality == "fundus") return fundus;
  if (modality == "cxr") return cxr;
  reject("--modality: {} is unknown; fundus and cxr are known", modality);
}

std::vector<Row> plan_set(const SetOptions& options, const Draws& draws) {
  if (options.labels.empty()) reject("--labels: none given; known are {}", fmt::join(known_labels(options.modality), ", "));
  std::vector<int> grades;
  for (const std::string& label : options.labels) {
    grades.push_back(grade_of(label, options.modality));
    if (std::count(grades.begin(), grades.end(), grades.back()) > 1) reject("--labels: {} is named twice", label);
  }
  std::vector<Row> rows;
  for (const Patient& patient : draw_patients(class_counts(options), options.images_per_patient, draws)) {
    for (int64_t i = 0; i < patient.images; ++i) {
      const std::string& label = options.labels[patient.label];
      const std::string name = fmt::format("{}-{:06d}", options.modality, patient.id);
      rows.push_back({fmt::format("{}/{}_{:02d}", label, name, i), label, name, "", patient.id, rows.size(), grades[patient.label]});
    }
  }
  draw_splits(rows, options.shares, draws.key());
  return rows;
}

std::string manifest_text(const std::vector<Row>& rows) {
  std::string text = csv_line({"path", "label", "patient", "split"});
  for (const Row& row : rows) text += csv_line({row.path, row.label, row.patient, row.split});
  return text;
}

Image render(const std::string& modality, const Draws& draws, const Row& row, int64_t size) {
  if (modality == "cxr") return render_cxr(draws, row.patient_id, row.image_id, row.grade, size);
  return render_fundus(draws, row.patient_id, row.image_id, row.grade, size);
}

}  // namespace defound::phantom
