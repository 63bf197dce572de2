#include "defound/image/view.h"

#include "defound/core/error.h"

namespace defound {

std::vector<View> test_views(const std::string& tta) {
  if (tta != "none" && tta != "flip" && tta != "crops") reject("unknown tta '{}'; it must be none, flip or crops", tta);
  std::vector<View> views{{}};
  if (tta == "crops")
    for (const double top : {0.0, 0.1, 0.2})
      for (const double left : {0.0, 0.1, 0.2}) views.push_back({left, top, 0.8, false});
  if (tta != "none")
    for (size_t i = 0, upright = views.size(); i < upright; ++i) {
      views.push_back(views[i]);
      views.back().mirrored = true;
    }
  return views;
}

}  // namespace defound
