#pragma once
#include "defound/data/image_table.h"
#include "defound/run/provenance.h"

namespace defound {

/// Known patients, and the SHA-256 of every image's bytes, read on `threads` threads (0: one a core). What a product
/// made from these images must carry, so that a later evaluation finds leaks.
Ancestry data_ancestry(const ImageTable& table, int64_t threads);

/// SHA-256 of each row's image as stored, in the order of the rows.
std::vector<std::string> image_hashes(const ImageTable& table, int64_t threads);

}  // namespace defound
