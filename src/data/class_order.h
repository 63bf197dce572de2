#pragma once
#include "defound/data/load_table.h"

namespace defound {

/// Sets the table's classes and each row's label; leaves out rows that --labels does not name. See load_table.
void set_classes(ImageTable& table, const DataOptions& options, const TableRules& rules);

}  // namespace defound
