#pragma once
#include <string>

#include "defound/config/json.h"
#include "defound/data/image_table.h"
#include "defound/run/leakage.h"
#include "defound/run/report.h"

namespace defound {

/// Which test images or patients went into a model.
struct LeakCheck {
  Leaks leaks;
  std::string found;   ///< in words; "" when there are none
};

/// Compares the rows with the provenance beside the model's file. Rejects (exit 2) what is found unless `allow_leak`,
/// which warns.
LeakCheck check_leaks(const fs::path& model, const ImageTable& rows, bool allow_leak, int64_t threads);

/// What stands on top of a report when something was found, or nothing could be compared.
void warn_of_leaks(Report& report, const LeakCheck& check);
Json leaks_json(const LeakCheck& check);
/// For the plan of a dry run: found, none or not checked.
std::string leak_text(const LeakCheck& check);

}  // namespace defound
