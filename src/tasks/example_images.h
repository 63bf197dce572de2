#pragma once
#include "defound/run/report.h"
#include "defound/tasks/evaluation.h"

namespace defound {

/// Pictures of the images that the model is most surely wrong about, and most surely right about.
void add_example_images(Report& report, const EvaluatedImages& images);

}  // namespace defound
