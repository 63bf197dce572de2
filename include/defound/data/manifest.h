#pragma once
#include "defound/data/image_table.h"

namespace defound {

/// Reads manifest.csv (RFC 4180): path,label,patient,split,prompt,source, of which only path is required; further
/// columns are kept. Of these, `dataset` says whose numbering of patients it is: "1" of one data set is not "1" of
/// another. Paths are relative to the manifest and may address members of shards ("shard-000012.tar#name.jpg"). The label
/// is taken from `label_column`. Rejects (exit 2), naming file:line, a missing or doubled column, an empty path, an unknown
/// split. Classes are left empty.
ImageTable read_manifest(const fs::path& path, const std::string& label_column = "label");

/// Writes the table as a manifest, published whole: paths relative to it where they lie below its folder or beside
/// it, absolute otherwise. Unknown patients stay empty.
void write_manifest(const fs::path& path, const ImageTable& table);

/// How a manifest in `folder` names an image: relative where it lies below the folder or beside it, else absolute.
std::string manifest_path(const fs::path& image, const fs::path& folder);

}  // namespace defound
