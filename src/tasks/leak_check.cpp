#include "leak_check.h"

#include "defound/core/error.h"
#include "defound/core/log.h"
#include "defound/data/data_ancestry.h"

namespace defound {

LeakCheck check_leaks(const fs::path& model, const ImageTable& rows, bool allow_leak, int64_t threads) {
  const Ancestry ancestry = read_ancestry(model);
  std::vector<std::string> patients, paths;
  for (const ImageRow& row : rows.rows) patients.push_back(row.patient_known ? row.patient : ""), paths.push_back(row.path.string());
  LeakCheck check{find_leaks(ancestry, patients, ancestry.image_hashes.empty() ? std::vector<std::string>() : image_hashes(rows, threads),
                             datasets_of(rows)), ""};
  if (!check.leaks.found()) return check;
  check.found = describe_leaks(check.leaks, patients, paths);
  if (!allow_leak) reject("{}: {}; evaluate on other patients, give strangers of the same name other names or their data set in a column dataset, "
                          "or see what it gives with --allow_leak", model.string(), check.found);
  log::warn("{}", check.found);
  return check;
}

void warn_of_leaks(Report& report, const LeakCheck& check) {
  if (check.leaks.found()) report.warning(fmt::format("Leak: {}. These numbers are better than the model is (--allow_leak).", check.found));
  if (!check.leaks.checked)
    report.warning("Nothing is recorded of what went into this model (no provenance.json beside it): whether test patients were trained on could not be checked.");
}

Json leaks_json(const LeakCheck& check) {
  return {{"checked", check.leaks.checked}, {"patients", check.leaks.patients.size()}, {"images", check.leaks.images.size()}};
}

std::string leak_text(const LeakCheck& check) {
  return check.leaks.found() ? "found" : check.leaks.checked ? "none" : "not checked: no provenance.json beside the model";
}

}  // namespace defound
