#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace defound {

/// Samples that share a property, for example sex F or age 47 - 61.
struct Subgroup {
  std::string column, value;
  std::vector<int64_t> rows;   ///< ascending
};

/// Splits samples by a column: by its values when there are at most `most_values`; a column of numbers with more is
/// cut at its quartiles; any other (a name, a date) gives nothing. Empty values stand in no subgroup, and a single
/// value gives nothing to compare.
std::vector<Subgroup> make_subgroups(const std::string& column, const std::vector<std::string>& values, int64_t most_values = 12);

}  // namespace defound
