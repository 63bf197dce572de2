#pragma once
#include <string>
#include <vector>

#include "defound/models/weights_identity.h"
#include "defound/nn/pos_embed.h"

namespace defound {

/// Whose program is to load the weights.
enum class VitNames {
  kMae,        ///< facebookresearch/mae: models_mae.py (with decoder), models_vit.py
  kTimm,       ///< timm's VisionTransformer: no decoder; norm with global_pool='token', fc_norm with 'avg'
  kRetfound,   ///< RETFound's models_vit.py with global_pool: fc_norm in front of the head
};

struct VitConversion {
  bool drop_decoder = false, drop_head = false;
  int64_t num_classes = 0;               ///< > 0: a head of so many classes; drawn with deviation 2e-5 unless the file's has as many
  std::string global_pool = "auto";      ///< token (norm), avg (fc_norm), or auto: as the file; avg for a RETFound classifier
  int64_t input_size = 0;                ///< > 0: position tables for images of this side
  TableInterpolation interpolation = TableInterpolation::kMae;
  uint64_t seed = 0;                     ///< of a new head
};

/// The weights of a vision transformer or masked autoencoder (also under transformers' or, for timm, DINOv2's names) as
/// the other program names them; values that are kept are the same tensors. `changes` gets a line for everything that is
/// more than a name. Between norm and fc_norm the values go over, but a model of the other pooling computes something
/// else. With a decoder the fixed sine-cosine tables are made anew for the size, as models_mae.py does. Rejects (exit 2),
/// naming `origin`, other kinds of files and sizes that do not divide.
TensorMap convert_vit(const TensorMap& file, const WeightsIdentity& identity, VitNames target, const VitConversion& options, const std::string& origin,
                      std::vector<std::string>& changes);

}  // namespace defound
