#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "defound/config/json.h"
#include "defound/tensor/safetensors.h"

namespace defound {

enum class WeightsKind {
  kUnknown,
  kMae,               ///< masked autoencoder, encoder and decoder
  kEncoder,           ///< vision transformer without decoder and head
  kClassifier,        ///< vision transformer with a head
  kDinoV2,            ///< vision transformer with layer scale
  kTransformersVit,   ///< a vision transformer or MAE under transformers' names
  kUnet,
  kAutoencoder,
  kClipText,
  kStableDiffusion,   ///< the original program's file: UNet, autoencoder and text encoder in one
  kLora,
  kLabelTable,
  kCheckpoint,        ///< of this program's training loop
};

/// What a file of weights is, as its names and shapes (and metadata) tell.
struct WeightsIdentity {
  WeightsKind kind = WeightsKind::kUnknown;
  std::string what;                                          ///< one line: "MAE ViT-L/16 with decoder"
  std::string names;                                         ///< whose names they are: "MAE / timm", "diffusers", ...
  std::string prefix;                                        ///< what stands before the model's own names: "", "module.", "teacher.backbone."
  Json sizes = Json::object();                               ///< image_size, patch_size, width, depth, heads, classes, ... where known
  std::vector<std::pair<std::string, std::string>> uses;     ///< "pretraining": "ready", or what is missing and what to do
  std::vector<std::string> notes;
};

/// Looks at names, shapes and metadata only, never at a value: as cheap for 10 GB as for 10 kB. MAE's and RETFound's
/// pretraining files cannot be told apart by names and shapes; a note says so.
WeightsIdentity identify_weights(const TensorMap& tensors, const std::map<std::string, std::string>& metadata = {});

/// Why the file does not fit the model, for LoadRules::cause: another kind, a wrapper's prefix, other sizes. Empty
/// where neither tells. The model's identity is that of its own state_dict.
std::string misfit_cause(const WeightsIdentity& file, const WeightsIdentity& model);

/// The tensors under the identity's prefix, without it.
TensorMap without_prefix(const TensorMap& tensors, const WeightsIdentity& identity);

}  // namespace defound
