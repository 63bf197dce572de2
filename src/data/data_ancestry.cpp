#include "defound/data/data_ancestry.h"

#include <map>
#include <set>

#include "defound/core/progress.h"
#include "defound/data/image_files.h"
#include "defound/data/parallel_for.h"

namespace defound {

std::vector<std::string> image_hashes(const ImageTable& table, int64_t threads) {
  std::vector<std::string> hashes(table.rows.size());
  Progress progress("Hashing images", table.size());
  const ImageFiles files;
  const auto hash_one = [&](int64_t i) {
    std::string storage;
    hashes[static_cast<size_t>(i)] = sha256(files.bytes(table.rows[static_cast<size_t>(i)].path, storage));
  };
  parallel_for(table.size(), threads, hash_one, [&](int64_t done) { progress.update(done); });
  return hashes;
}

Ancestry data_ancestry(const ImageTable& table, int64_t threads) {
  std::map<std::string, std::set<std::string>> patients;   // by data set
  const std::vector<std::string> datasets = datasets_of(table);
  for (size_t i = 0; i < datasets.size(); ++i)
    if (table.rows[i].patient_known) patients[datasets[i]].insert(table.rows[i].patient);
  const std::vector<std::string> hashes = image_hashes(table, threads);
  const std::set<std::string> unique(hashes.begin(), hashes.end());
  Ancestry ancestry{{}, {unique.begin(), unique.end()}};
  for (const auto& [dataset, names] : patients) (dataset.empty() ? ancestry.patients : ancestry.patients_of[dataset]).assign(names.begin(), names.end());
  return ancestry;
}

}  // namespace defound
