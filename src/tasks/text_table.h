#pragma once
#include <string>
#include <vector>

namespace defound {

/// Columns side by side with two blanks between; all but the first are flush right.
std::string text_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace defound
