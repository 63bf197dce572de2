#include "defound/models/condition.h"

#include <algorithm>

#include "defound/core/error.h"

namespace defound {

size_t index_of_label(const std::string& label, const std::vector<std::string>& labels) {
  if (const auto found = std::find(labels.begin(), labels.end(), label); found != labels.end()) return static_cast<size_t>(found - labels.begin());
  if (labels.empty()) reject("the generator knows no labels, so not '{}' either; give its prompt instead (--prompt TEXT=N)", label);
  const std::string near = nearest(label, labels);
  reject("the generator knows no label '{}'{}", label, near.empty() ? fmt::format("; it has {} labels, the first '{}'", labels.size(), labels[0])
                                                                    : fmt::format("; did you mean '{}'?", near));
}

}  // namespace defound
