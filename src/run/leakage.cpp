#include "defound/run/leakage.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace defound {
namespace {

bool contains(const std::vector<std::string>& sorted, const std::string& text) { return std::binary_search(sorted.begin(), sorted.end(), text); }

std::string examples(const std::vector<std::string>& names) {
  constexpr size_t most = 5;
  const std::vector<std::string> shown(names.begin(), names.begin() + static_cast<int64_t>(std::min(most, names.size())));
  return fmt::format("{}{}", fmt::join(shown, ", "), names.size() > most ? ", ..." : "");
}

bool went_in(const Ancestry& ancestry, const std::string& patient, const std::string& dataset) {
  if (contains(ancestry.patients, patient)) return true;
  return std::any_of(ancestry.patients_of.begin(), ancestry.patients_of.end(),
                     [&](const auto& of) { return (dataset.empty() || dataset == of.first) && contains(of.second, patient); });
}

}  // namespace

Leaks find_leaks(const Ancestry& ancestry, const std::vector<std::string>& patients, const std::vector<std::string>& hashes,
                 const std::vector<std::string>& datasets) {
  Leaks leaks;
  leaks.checked = !ancestry.patients.empty() || !ancestry.image_hashes.empty() || !ancestry.patients_of.empty();
  std::set<std::string> leaked;
  for (size_t i = 0; i < patients.size(); ++i)
    if (!patients[i].empty() && went_in(ancestry, patients[i], datasets.empty() ? "" : datasets[i])) leaked.insert(patients[i]);
  leaks.patients.assign(leaked.begin(), leaked.end());
  for (size_t i = 0; i < hashes.size(); ++i) if (contains(ancestry.image_hashes, hashes[i])) leaks.images.push_back(i);
  return leaks;
}

std::string describe_leaks(const Leaks& leaks, const std::vector<std::string>& patients, const std::vector<std::string>& paths) {
  std::set<std::string> known(patients.begin(), patients.end());
  known.erase("");
  std::vector<std::string> files, parts;
  for (const size_t row : leaks.images) files.push_back(paths[row]);
  if (!leaks.patients.empty()) parts.push_back(fmt::format("{} of {} test patients ({})", leaks.patients.size(), known.size(), examples(leaks.patients)));
  if (!files.empty()) parts.push_back(fmt::format("{} of {} test images ({})", files.size(), paths.size(), examples(files)));
  return fmt::format("{} went into the model", fmt::join(parts, " and "));
}

}  // namespace defound
