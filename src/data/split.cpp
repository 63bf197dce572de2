#include "defound/data/split.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "defound/core/error.h"
#include "defound/core/random.h"

namespace defound {
namespace {

struct Patient {
  std::vector<size_t> rows;
  std::map<std::string, double> labels;   ///< images of each label
  std::string rarest;                     ///< the label with the fewest images in the table
};

std::map<std::string, double> count_labels(const ImageTable& table) {
  std::map<std::string, double> counts;
  for (const ImageRow& row : table.rows) ++counts[row.label_name];
  return counts;
}

/// In a random order that depends on the names, then the patients of rarer labels first, those of many images before.
std::vector<Patient> ordered_patients(const ImageTable& table, uint64_t seed) {
  const auto totals = count_labels(table);
  std::map<std::string, Patient> by_name;
  for (size_t i = 0; i < table.rows.size(); ++i) {
    Patient& patient = by_name[table.rows[i].patient];
    patient.rows.push_back(i);
    ++patient.labels[table.rows[i].label_name];
  }
  std::vector<Patient> patients;
  for (auto& [name, patient] : by_name) {
    const auto rarer = [&](const auto& a, const auto& b) { return totals.at(a.first) < totals.at(b.first); };
    patient.rarest = std::min_element(patient.labels.begin(), patient.labels.end(), rarer)->first;
    patients.push_back(std::move(patient));
  }
  std::vector<Patient> shuffled;
  for (const int64_t i : permutation(static_cast<int64_t>(patients.size()), Draws(seed, "split"), 0)) shuffled.push_back(std::move(patients[static_cast<size_t>(i)]));
  std::stable_sort(shuffled.begin(), shuffled.end(), [&](const Patient& a, const Patient& b) {
    const double rarity_a = totals.at(a.rarest), rarity_b = totals.at(b.rarest);
    return rarity_a != rarity_b ? rarity_a < rarity_b : a.rows.size() > b.rows.size();
  });
  return shuffled;
}

}  // namespace

std::array<double, 3> parse_shares(const std::vector<std::string>& texts) {
  std::array<double, 3> shares{};
  if (texts.size() != 3) reject("--shares takes three numbers, train,val,test, for example 0.7,0.1,0.2; {} were given", texts.size());
  for (size_t i = 0; i < 3; ++i) {
    char* end = nullptr;
    shares[i] = std::strtod(texts[i].c_str(), &end);
    if (texts[i].empty() || *end != '\0' || !(shares[i] >= 0)) reject("--shares: '{}' is not a number from 0 to 1", texts[i]);
  }
  const double sum = shares[0] + shares[1] + shares[2];
  if (std::abs(sum - 1) > 1e-6) reject("--shares must add up to 1, not to {}", sum);
  return shares;
}

void assign_splits(ImageTable& table, const std::array<double, 3>& shares, uint64_t seed) {
  const auto totals = count_labels(table);
  std::array<std::map<std::string, double>, 3> wanted;   // images of each label that are still to come
  std::array<double, 3> wanted_in_all{};
  for (size_t s = 0; s < 3; ++s) {
    for (const auto& [label, count] : totals) wanted[s][label] = shares[s] * count;
    wanted_in_all[s] = shares[s] * static_cast<double>(table.rows.size());
  }
  for (const Patient& patient : ordered_patients(table, seed)) {
    size_t best = 3;
    for (size_t s = 0; s < 3; ++s) {
      if (shares[s] == 0) continue;
      const auto rank = [&](size_t split) { return std::pair(wanted[split][patient.rarest], wanted_in_all[split]); };
      if (best == 3 || rank(s) > rank(best)) best = s;
    }
    for (const auto& [label, count] : patient.labels) wanted[best][label] -= count;
    wanted_in_all[best] -= static_cast<double>(patient.rows.size());
    for (const size_t row : patient.rows) table.rows[row].split = kSplits[best];
  }
}

}  // namespace defound
