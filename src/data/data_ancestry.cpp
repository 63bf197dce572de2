#include "defound/data/data_ancestry.h"

#include <set>

#include "defound/core/progress.h"
#include "defound/data/parallel_for.h"

namespace defound {

std::vector<std::string> image_hashes(const ImageTable& table, int64_t threads) {
  std::vector<std::string> hashes(table.rows.size());
  Progress progress("Hashing images", table.size());
  parallel_for(table.size(), threads, [&](int64_t i) { hashes[static_cast<size_t>(i)] = sha256_file(table.rows[static_cast<size_t>(i)].path); },
               [&](int64_t done) { progress.update(done); });
  return hashes;
}

Ancestry data_ancestry(const ImageTable& table, int64_t threads) {
  std::set<std::string> patients;
  for (const ImageRow& row : table.rows)
    if (row.patient_known) patients.insert(row.patient);
  const std::vector<std::string> hashes = image_hashes(table, threads);
  const std::set<std::string> unique(hashes.begin(), hashes.end());
  return {{patients.begin(), patients.end()}, {unique.begin(), unique.end()}};
}

}  // namespace defound
