#pragma once
#include <array>

#include "defound/data/image_table.h"

namespace defound {

/// Shares of train, val and test: numbers from 0 that add up to 1. Rejects other texts ("0.7,0.1,0.2").
std::array<double, 3> parse_shares(const std::vector<std::string>& texts);

/// Sets every row's split. All images of a patient go together; each label is spread by the shares as well as whole
/// patients allow (iterative stratification, Sechidis et al., ECML PKDD 2011, over patients: the rarest label of a
/// patient decides). The same for the same seed, whatever the order of the rows.
void assign_splits(ImageTable& table, const std::array<double, 3>& shares, uint64_t seed);

}  // namespace defound
