#pragma once
#include <string>

#include "defound/models/weights_identity.h"

namespace defound {

/// "fp32", "bf16", ... as the options spell them; c10's name for the rest.
std::string type_text(torch::Dtype type);
/// "[3, 4]".
std::string shape_text(const torch::Tensor& tensor);
/// A text from a file for the terminal: control characters become '?'.
std::string printable(std::string text);
/// JSON text; bytes that are not UTF-8 are replaced.
std::string json_text(const Json& value);

}  // namespace defound
