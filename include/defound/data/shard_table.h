#pragma once
#include "defound/data/image_table.h"

namespace defound {

/// Whether a --data is the quoted pattern of shards ('shards/*.tar') or one shard.
bool names_shards(const fs::path& data);

/// The shards that the pattern (*, ?, [...]) stands for, sorted. Rejects (exit 2) when there are none, and other files.
std::vector<fs::path> match_shards(const std::string& pattern);

/// The images of WebDataset shards, in the order of the shards and their members. Members whose names are the same up to
/// the first dot of the file name belong together: 000123.jpg with 000123.json ({"label": ..., "patient": ..., "split": ...,
/// "prompt": ..., "source": ...}; further keys are further columns), 000123.cls (the label as text) and 000123.txt (the
/// prompt), of which JSON wins. Rejects (exit 2), naming shard#member: JSON that is no object of plain values, an unknown
/// split.
ImageTable read_shards(const std::vector<fs::path>& shards, const std::string& label_column = "label");

}  // namespace defound
