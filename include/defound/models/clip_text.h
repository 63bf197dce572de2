#pragma once
#include <torch/torch.h>

#include <memory>
#include <string>

#include "defound/config/json.h"
#include "defound/nn/block_list.h"
#include "defound/nn/layers.h"
#include "defound/tensor/safetensors.h"

namespace defound {

/// The fields of transformers' CLIPTextConfig that are used here, with its defaults.
struct ClipTextConfig : Config {
  int64_t vocab_size = 49408, hidden_size = 512, intermediate_size = 2048;
  int64_t num_hidden_layers = 12, num_attention_heads = 8, max_position_embeddings = 77;
  std::string hidden_act = "quick_gelu";   ///< or gelu
  double layer_norm_eps = 1e-5;
  int64_t eos_token_id = 49407;            ///< kept for others: the last hidden state does not depend on it
  void visit(Visitor& v) override;
};

/// From a config.json's values, or those under its "text_config". Rejects (exit 2) by name what is not a CLIP text model
/// or does not fit together.
ClipTextConfig clip_text_config_from_json(const Json& values, const std::string& origin);
/// As transformers reads it.
Json clip_text_config_to_json(ClipTextConfig config);

/// A table of rows by index; torch.nn.Embedding without its drawing.
struct Embedding : torch::nn::Module {
  Embedding(int64_t rows, int64_t width) : weight(register_parameter("weight", torch::empty({rows, width}))) {}
  torch::Tensor weight;  // [rows, width]
};

class ClipTextTransformer;

/// The text half of CLIP (Radford et al., "Learning transferable visual models from natural language supervision",
/// ICML 2021) with the modules and keys of transformers' CLIPTextModel (models/clip/modeling_clip.py) below "text_model".
class ClipTextModel : public torch::nn::Module {
 public:
  /// Parameters are not drawn: load them, or initialize().
  explicit ClipTextModel(const ClipTextConfig& config);
  /// ids [N, M] int64, M at most max_position_embeddings -> the last hidden state [N, M, hidden_size]; a token sees
  /// those before it and itself.
  torch::Tensor forward(const torch::Tensor& ids);
  const ClipTextConfig& config() const { return config_; }

 private:
  ClipTextConfig config_;
  std::shared_ptr<ClipTextTransformer> text_model_;
};

/// Names as in ClipTextModel: "text_model." before those of newer files that go without, and no position_ids, which are
/// 0, 1, 2, ... in files from before 2023.
TensorMap clip_text_weights(const TensorMap& weights);

}  // namespace defound
