#pragma once
#include <functional>
#include <memory>
#include <unordered_map>

#include "defound/config/json.h"
#include "defound/models/clip_text.h"
#include "defound/models/condition.h"
#include "defound/models/tokenizer.h"

namespace defound {

/// The prompt that stands for a label.
struct LabelPrompt {
  std::string label, prompt;
};

/// The template with {label} replaced by the label, its underscores by spaces.
std::string prompt_of_label(std::string label, const std::string& prompt_template);

/// {"labels": [{"label": ..., "prompt": ...}, ...]}; rejects (exit 2) anything else, naming `origin`.
std::vector<LabelPrompt> label_prompts_from_json(const Json& values, const std::string& origin);
Json label_prompts_to_json(const std::vector<LabelPrompt>& labels);

/// Prompts through CLIP's text encoder, which is frozen and stays fp32; each distinct prompt is encoded once, by itself,
/// and kept. In a folder: text_encoder/ and tokenizer/ as diffusers has them, and labels.json, which is ours: the labels
/// it was trained with and their prompts.
class TextCondition : public Condition {
 public:
  static constexpr int64_t kKeptBytes = int64_t{1} << 30;  ///< of encoded prompts; further ones are encoded again
  /// Rejects (exit 2) a tokenizer whose ids or length are beyond the encoder, and a label that stands twice.
  TextCondition(Tokenizer tokenizer, std::shared_ptr<ClipTextModel> encoder, std::vector<LabelPrompt> labels = {});
  /// Reads a generator folder's part; rejects (exit 2) by file what is missing or does not fit.
  static std::shared_ptr<TextCondition> load(const fs::path& folder);

  torch::Tensor encode(std::span<const std::string> requests, torch::Device device) override;
  int64_t sequence_length() const override { return tokenizer_.max_length(); }
  int64_t width() const override { return encoder_->config().hidden_size; }
  std::vector<std::string> labels() const override;
  std::string request_for(const std::string& label) const override;
  bool reads_text() const override { return true; }
  void save(const fs::path& folder, const TensorMap& weights) const override;
  void describe(Json& model_index) const override;

  /// The labels that it shall know from now on.
  void set_labels(std::vector<LabelPrompt> labels);
  /// Further labels, in the place of those of the same name.
  void add_labels(const std::vector<LabelPrompt>& labels);
  const std::vector<LabelPrompt>& label_prompts() const { return labels_; }
  /// Lets `change` alter the encoder's weights.
  void change_encoder(const std::function<void(ClipTextModel&)>& change);
  /// Prompts are looked up among these ([M, D] each) from now on, and the encoder is not run: encode() rejects (exit 2) a
  /// prompt that is not there, and values that are not finite. `origin` names where they come from.
  void use_encoded(std::unordered_map<std::string, torch::Tensor> encoded, std::string origin);
  /// See Generator::leave_frozen_on_disk.
  void leave_encoder_on_disk(const fs::path& folder);
  /// Tells encoder and vocabulary from others: see component_hash.
  std::string hash() const;

 private:
  torch::Tensor encode_one(const std::string& prompt, torch::Device device);
  torch::Tensor look_up(const std::string& prompt) const;
  Tokenizer tokenizer_;
  std::shared_ptr<ClipTextModel> encoder_;  // not a registered child: it is no part of what is trained
  std::vector<LabelPrompt> labels_;
  std::unordered_map<std::string, torch::Tensor> kept_;  // [M, D] each
  int64_t kept_bytes_ = 0;
  std::unordered_map<std::string, torch::Tensor> encoded_;  // instead of the encoder, where they have an origin
  std::string encoded_origin_;
};

}  // namespace defound
