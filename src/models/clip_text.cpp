#include "defound/models/clip_text.h"

#include "defound/core/error.h"
#include "defound/kernels/gelu_bf16.h"

namespace defound {

/// Self-attention with keys q_proj, k_proj, v_proj, out_proj.
class ClipAttention : public torch::nn::Module {
 public:
  ClipAttention(int64_t width, int64_t heads)
      : k_proj_(register_module("k_proj", std::make_shared<Linear>(width, width))),
        v_proj_(register_module("v_proj", std::make_shared<Linear>(width, width))),
        q_proj_(register_module("q_proj", std::make_shared<Linear>(width, width))),
        out_proj_(register_module("out_proj", std::make_shared<Linear>(width, width))),
        heads_(heads) {}
  torch::Tensor forward(const torch::Tensor& x) {
    const auto split = [&](const torch::Tensor& y) { return y.unflatten(2, {heads_, y.size(2) / heads_}).transpose(1, 2); };  // [N, heads, M, d]
    const torch::Tensor q = split(q_proj_->forward(x)), k = split(k_proj_->forward(x)), v = split(v_proj_->forward(x));
    const torch::Tensor mixed = at::scaled_dot_product_attention(q, k, v, {}, /*dropout_p=*/0.0, /*is_causal=*/true);
    return out_proj_->forward(mixed.transpose(1, 2).flatten(2));  // [N, M, D]
  }

 private:
  std::shared_ptr<Linear> k_proj_, v_proj_, q_proj_, out_proj_;
  int64_t heads_;
};

class ClipMlp : public torch::nn::Module {
 public:
  explicit ClipMlp(const ClipTextConfig& c)
      : fc1_(register_module("fc1", std::make_shared<Linear>(c.hidden_size, c.intermediate_size))),
        fc2_(register_module("fc2", std::make_shared<Linear>(c.intermediate_size, c.hidden_size))),
        quick_(c.hidden_act == "quick_gelu") {}
  torch::Tensor forward(const torch::Tensor& x) {
    const torch::Tensor y = fc1_->forward(x);
    return fc2_->forward(quick_ ? y * torch::sigmoid(1.702 * y) : defound::gelu(y));
  }

 private:
  std::shared_ptr<Linear> fc1_, fc2_;
  bool quick_;
};

class ClipLayer : public torch::nn::Module {
 public:
  explicit ClipLayer(const ClipTextConfig& c)
      : self_attn_(register_module("self_attn", std::make_shared<ClipAttention>(c.hidden_size, c.num_attention_heads))),
        layer_norm1_(register_module("layer_norm1", std::make_shared<LayerNorm>(c.hidden_size, c.layer_norm_eps))),
        mlp_(register_module("mlp", std::make_shared<ClipMlp>(c))),
        layer_norm2_(register_module("layer_norm2", std::make_shared<LayerNorm>(c.hidden_size, c.layer_norm_eps))) {}
  torch::Tensor forward(const torch::Tensor& x) {
    const torch::Tensor hidden = x + self_attn_->forward(layer_norm1_->forward(x));
    return hidden + mlp_->forward(layer_norm2_->forward(hidden));
  }

 private:
  std::shared_ptr<ClipAttention> self_attn_;
  std::shared_ptr<LayerNorm> layer_norm1_;
  std::shared_ptr<ClipMlp> mlp_;
  std::shared_ptr<LayerNorm> layer_norm2_;
};

class ClipEmbeddings : public torch::nn::Module {
 public:
  explicit ClipEmbeddings(const ClipTextConfig& c)
      : token_embedding_(register_module("token_embedding", std::make_shared<Embedding>(c.vocab_size, c.hidden_size))),
        position_embedding_(register_module("position_embedding", std::make_shared<Embedding>(c.max_position_embeddings, c.hidden_size))) {}
  torch::Tensor forward(const torch::Tensor& ids) {
    return torch::embedding(token_embedding_->weight, ids) + position_embedding_->weight.narrow(0, 0, ids.size(1));  // [N, M, D]
  }

 private:
  std::shared_ptr<Embedding> token_embedding_, position_embedding_;
};

class ClipEncoder : public torch::nn::Module {
 public:
  explicit ClipEncoder(const ClipTextConfig& c) : layers_(register_module("layers", std::make_shared<BlockList<ClipLayer>>())) {
    for (int64_t i = 0; i < c.num_hidden_layers; ++i) layers_->add(c);
  }
  torch::Tensor forward(torch::Tensor x) {
    for (const auto& layer : *layers_) x = layer->forward(x);
    return x;
  }

 private:
  std::shared_ptr<BlockList<ClipLayer>> layers_;
};

class ClipTextTransformer : public torch::nn::Module {
 public:
  explicit ClipTextTransformer(const ClipTextConfig& c)
      : embeddings_(register_module("embeddings", std::make_shared<ClipEmbeddings>(c))),
        encoder_(register_module("encoder", std::make_shared<ClipEncoder>(c))),
        final_layer_norm_(register_module("final_layer_norm", std::make_shared<LayerNorm>(c.hidden_size, c.layer_norm_eps))) {}
  torch::Tensor forward(const torch::Tensor& ids) { return final_layer_norm_->forward(encoder_->forward(embeddings_->forward(ids))); }

 private:
  std::shared_ptr<ClipEmbeddings> embeddings_;
  std::shared_ptr<ClipEncoder> encoder_;
  std::shared_ptr<LayerNorm> final_layer_norm_;
};

void ClipTextConfig::visit(Visitor& v) {
  v(field("vocab_size", "number of tokens").range(1, 1 << 24), vocab_size);
  v(field("hidden_size", "width of a token").range(1, 1 << 16), hidden_size);
  v(field("intermediate_size", "width inside the feed-forward part").range(1, 1 << 20), intermediate_size);
  v(field("num_hidden_layers", "layers").range(1, 1000), num_hidden_layers);
  v(field("num_attention_heads", "attention heads").range(1, 1 << 16), num_attention_heads);
  v(field("max_position_embeddings", "longest text in tokens").range(1, 1 << 16), max_position_embeddings);
  v(field("hidden_act", "activation").one_of({"quick_gelu", "gelu"}), hidden_act);
  v(field("layer_norm_eps", "added to the variance in the norms").range(0, 1), layer_norm_eps);
  v(field("eos_token_id", "id of the end").range(0, 1 << 24), eos_token_id);
}

ClipTextConfig clip_text_config_from_json(const Json& values, const std::string& origin) {
  const Json& text = values.is_object() && values.contains("text_config") ? values["text_config"] : values;
  if (!text.is_object()) reject("{}: expected a JSON object {{...}}, found {}", origin, text.type_name());
  const Json type = text.value("model_type", Json("clip_text_model"));
  if (type != "clip_text_model") reject("{}: model_type is {}; expected \"clip_text_model\"", origin, type.dump());
  ClipTextConfig config;
  from_json(config, text, origin, UnknownKeys::kIgnore);
  check_ranges(config);
  if (config.hidden_size % config.num_attention_heads != 0)
    reject("{}: {} num_attention_heads do not divide hidden_size {}", origin, config.num_attention_heads, config.hidden_size);
  return config;
}

Json clip_text_config_to_json(ClipTextConfig config) {
  Json values = {{"architectures", {"CLIPTextModel"}}, {"model_type", "clip_text_model"}};
  values.update(to_json(config));
  return values;
}

ClipTextModel::ClipTextModel(const ClipTextConfig& config)
    : config_(config), text_model_(register_module("text_model", std::make_shared<ClipTextTransformer>(config))) {}

torch::Tensor ClipTextModel::forward(const torch::Tensor& ids) {
  if (ids.dim() != 2 || ids.size(1) > config_.max_position_embeddings)
    reject("the text encoder takes [N, M] tokens with M at most {}, not {}", config_.max_position_embeddings, c10::str(ids.sizes()));
  return text_model_->forward(ids);
}

TensorMap clip_text_weights(const TensorMap& weights) {
  const std::string root = "text_model.";
  TensorMap renamed;
  for (const auto& [name, tensor] : weights)
    if (!name.ends_with("embeddings.position_ids")) renamed[name.starts_with(root) ? name : root + name] = tensor;
  return renamed;
}

}  // namespace defound
