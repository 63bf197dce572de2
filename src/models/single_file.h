#pragma once
#include "defound/models/generator.h"

namespace defound {

/// A generator from Stable Diffusion 1.x's original single file (sd-v1-4.ckpt, .safetensors). The sizes are read from the
/// shapes; what shapes do not tell is that of Stable Diffusion 1.x: 8 attention heads, 32 groups, 64-wide heads of the text
/// encoder, its noise schedule. The vocabulary is not in the file: tokenizer/ must stand beside it.
Generator load_single_file(const fs::path& file);

}  // namespace defound
