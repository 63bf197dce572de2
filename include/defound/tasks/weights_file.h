#pragma once
#include <string>

#include "defound/config/json.h"
#include "defound/core/files.h"

namespace defound {

/// The weights that --init or --model names: the file itself, `name` in a run folder, or else the folder's index of shards.
/// Rejects (exit 2) what is not there, saying what was looked for.
fs::path weights_file(const std::string& file_or_folder, const std::string& name);

/// The metadata "defound.input" of a model file: how an image becomes its input.
Json model_input(int64_t input_size);

}  // namespace defound
