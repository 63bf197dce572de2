#include "defound/tasks/weights_file.h"

#include "defound/core/error.h"
#include "defound/image/normalize.h"
#include "defound/tensor/weight_shards.h"

namespace defound {

fs::path weights_file(const std::string& file_or_folder, const std::string& name) {
  const fs::path path(file_or_folder);
  if (!fs::exists(path)) reject("{} does not exist; expected a weights file, or a run folder with {}", path.string(), name);
  if (!fs::is_directory(path)) return path;
  if (fs::exists(path / name)) return path / name;
  const fs::path index = find_shards_index(path, /*required=*/false);
  if (index.empty()) reject("{} holds no {}; is this run finished, and of the right kind?", path.string(), name);
  return index;
}

Json model_input(int64_t input_size) {
  return {{"input_size", input_size}, {"mean", kImageNetMean}, {"std", kImageNetStd}, {"transform", "evaluate"}};
}

}  // namespace defound
