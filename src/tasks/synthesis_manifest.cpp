#include "synthesis_manifest.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include "defound/core/error.h"
#include "defound/data/csv.h"

namespace defound {

void SynthesisManifest::for_each_line(const std::function<void(const std::string&)>& use) const {
  use(csv_line({"path", "label", "split", "prompt", "source", "seed", "generator"}));
  plan_.for_each_row(part_, [&](int64_t row) {
    PlannedImage image = plan_.image(row);
    if (redrawn_ != nullptr) redrawn_->apply(image);
    use(csv_line({above_ + image.path, plan_.sets()[image.set].label, "train", image.request, "synthetic",
                  std::to_string(image.seed), generator_hash_}));
  });
}

void SynthesisManifest::write(const fs::path& path) const {
  publish(path, [&](const fs::path& temporary) {
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    for_each_line([&](const std::string& line) { file.write(line.data(), static_cast<std::streamsize>(line.size())); });
    if (!file.flush()) fail("cannot write {}: {}", path.string(), std::strerror(errno));
  });
}

bool SynthesisManifest::equals(const fs::path& path) const {
  std::ifstream file(path, std::ios::binary);
  std::string there;
  bool equal = static_cast<bool>(file);
  for_each_line([&](const std::string& line) {
    if (!equal) return;
    there.resize(line.size());
    file.read(there.data(), static_cast<std::streamsize>(there.size()));
    equal = static_cast<size_t>(file.gcount()) == line.size() && there == line;
  });
  return equal && file.peek() == std::ifstream::traits_type::eof();
}

}  // namespace defound
