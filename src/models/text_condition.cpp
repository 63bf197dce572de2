#include "defound/models/text_condition.h"

#include <algorithm>
#include <set>

#include "component_weights.h"
#include "defound/core/error.h"
#include "defound/core/log.h"
#include "defound/models/component_hash.h"
#include "defound/tensor/load_weights.h"

namespace defound {
namespace {

constexpr const char* kLabelFile = "labels.json";

}  // namespace

std::vector<LabelPrompt> label_prompts_from_json(const Json& values, const std::string& origin) {
  std::vector<LabelPrompt> labels;
  const Json list = values.is_object() ? values.value("labels", Json()) : Json();
  if (!list.is_array()) reject("{}: expected {{\"labels\": [...]}}", origin);
  for (const Json& item : list) {
    if (!item.is_object() || !item.contains("label") || !item["label"].is_string() || !item.contains("prompt") || !item["prompt"].is_string())
      reject("{}: expected {{\"label\": ..., \"prompt\": ...}}, found {}", origin, item.dump());
    labels.push_back({item["label"].get<std::string>(), item["prompt"].get<std::string>()});
  }
  return labels;
}

Json label_prompts_to_json(const std::vector<LabelPrompt>& labels) {
  Json list = Json::array();
  for (const LabelPrompt& item : labels) list.push_back({{"label", item.label}, {"prompt", item.prompt}});
  return {{"labels", list}};
}

std::string prompt_of_label(std::string label, const std::string& prompt_template) {
  std::replace(label.begin(), label.end(), '_', ' ');
  constexpr std::string_view kSlot = "{label}";
  std::string prompt = prompt_template;
  for (size_t at = 0; (at = prompt.find(kSlot, at)) != std::string::npos; at += label.size()) prompt.replace(at, kSlot.size(), label);
  return prompt;
}

TextCondition::TextCondition(Tokenizer tokenizer, std::shared_ptr<ClipTextModel> encoder, std::vector<LabelPrompt> labels)
    : tokenizer_(std::move(tokenizer)), encoder_(std::move(encoder)) {
  const ClipTextConfig& config = encoder_->config();
  if (tokenizer_.vocab_size() > config.vocab_size) reject("the tokenizer has {} tokens, the text encoder {}", tokenizer_.vocab_size(), config.vocab_size);
  if (tokenizer_.max_length() > config.max_position_embeddings)
    reject("the tokenizer gives {} tokens, the text encoder takes {}", tokenizer_.max_length(), config.max_position_embeddings);
  for (torch::Tensor& parameter : encoder_->parameters()) parameter.set_requires_grad(false);
  set_labels(std::move(labels));
}

std::shared_ptr<TextCondition> TextCondition::load(const fs::path& folder) {
  const fs::path config = folder / "text_encoder" / "config.json";
  auto encoder = std::make_shared<ClipTextModel>(clip_text_config_from_json(read_config_file(config), config.string()));
  const ComponentWeights weights = read_component(folder / "text_encoder");
  load_weights(*encoder, clip_text_weights(weights.tensors), {}, weights.file.string());
  const fs::path label_file = folder / kLabelFile;
  std::vector<LabelPrompt> labels;
  if (is_there(label_file)) labels = label_prompts_from_json(read_config_file(label_file), label_file.string());
  return std::make_shared<TextCondition>(Tokenizer::load(folder / "tokenizer"), std::move(encoder), std::move(labels));
}

void TextCondition::set_labels(std::vector<LabelPrompt> labels) {
  std::set<std::string> seen;
  for (const LabelPrompt& item : labels)
    if (item.label.empty() || !seen.insert(item.label).second) reject("label '{}' is empty or stands twice among the generator's labels", item.label);
  labels_ = std::move(labels);
}

void TextCondition::add_labels(const std::vector<LabelPrompt>& labels) {
  std::vector<LabelPrompt> all = labels_;
  for (const LabelPrompt& item : labels) {
    const auto same = std::find_if(all.begin(), all.end(), [&](const LabelPrompt& other) { return other.label == item.label; });
    if (same == all.end()) all.push_back(item);
    else same->prompt = item.prompt;
  }
  set_labels(std::move(all));
}

void TextCondition::change_encoder(const std::function<void(ClipTextModel&)>& change) {
  change(*encoder_);
  kept_.clear();
  kept_bytes_ = 0;
}

torch::Tensor TextCondition::encode(std::span<const std::string> requests, torch::Device device) {
  std::vector<torch::Tensor> rows;
  std::unordered_map<std::string, torch::Tensor> fresh;  // of this batch, for when no more is kept
  for (const std::string& prompt : requests) {
    if (const auto found = kept_.find(prompt); found != kept_.end()) {
      rows.push_back(found->second.to(device));
      continue;
    }
    auto [at, is_new] = fresh.try_emplace(prompt);
    if (is_new) at->second = encode_one(prompt, device);
    rows.push_back(at->second);
  }
  for (const auto& [prompt, tokens] : fresh) {
    const int64_t bytes = tokens.numel() * tokens.element_size();
    if (kept_bytes_ + bytes > kKeptBytes) break;
    kept_[prompt] = tokens;
    kept_bytes_ += bytes;
  }
  return torch::stack(rows);  // [N, M, D]
}

torch::Tensor TextCondition::encode_one(const std::string& prompt, torch::Device device) {
  const torch::NoGradGuard no_grad;
  if (!encoded_origin_.empty()) return look_up(prompt).to(device, torch::kFloat32);
  encoder_->to(device);
  bool cut = false;
  const torch::Tensor ids = torch::tensor(tokenizer_.encode(prompt, &cut), torch::kInt64).unsqueeze(0).to(device);  // [1, M]
  if (cut) log::warn("longer than {} tokens, so its end is not read: {}", tokenizer_.max_length(), prompt);
  return encoder_->forward(ids).squeeze(0);
}

torch::Tensor TextCondition::look_up(const std::string& prompt) const {
  const auto found = encoded_.find(prompt);
  if (found == encoded_.end()) reject("the prompt '{}' is not among those of {}", prompt, encoded_origin_);
  if (!torch::isfinite(found->second).all().item<bool>())
    reject("{}: what it holds of the prompt '{}' is not finite", encoded_origin_, prompt);
  return found->second;
}

void TextCondition::use_encoded(std::unordered_map<std::string, torch::Tensor> encoded, std::string origin) {
  encoded_ = std::move(encoded);
  encoded_origin_ = std::move(origin);
  kept_.clear();
  kept_bytes_ = 0;
}

void TextCondition::leave_encoder_on_disk(const fs::path& folder) {
  show_file_weights(*encoder_, clip_text_weights(read_component(folder / "text_encoder").tensors));
}

std::string TextCondition::hash() const {
  ClipTextConfig config = encoder_->config();
  std::string text = component_hash(*encoder_, to_json(config));
  for (const auto& [name, content] : tokenizer_.files()) text += "\n" + name + " " + sha256(content);
  return sha256(text).substr(0, 16);
}

std::vector<std::string> TextCondition::labels() const {
  std::vector<std::string> names;
  for (const LabelPrompt& item : labels_) names.push_back(item.label);
  return names;
}

std::string TextCondition::request_for(const std::string& label) const { return labels_[index_of_label(label, labels())].prompt; }

void TextCondition::save(const fs::path& folder, const TensorMap& /*weights*/) const {
  write_config_file(folder / "text_encoder" / "config.json", clip_text_config_to_json(encoder_->config()));
  TensorMap encoder = state_dict(*encoder_);
  for (auto& [name, tensor] : encoder) tensor = tensor.to(torch::kCPU, torch::kFloat32);
  save_safetensors(folder / "text_encoder" / "model.safetensors", encoder, {{"format", "pt"}});
  tokenizer_.save(folder / "tokenizer");
  if (labels_.empty()) return;
  write_config_file(folder / kLabelFile, label_prompts_to_json(labels_));
}

void TextCondition::describe(Json& model_index) const {
  model_index["_class_name"] = "StableDiffusionPipeline";
  model_index["text_encoder"] = {"transformers", "CLIPTextModel"};
  model_index["tokenizer"] = {"transformers", "CLIPTokenizer"};
  for (const char* absent : {"safety_checker", "feature_extractor", "image_encoder"}) model_index[absent] = {nullptr, nullptr};
  model_index["requires_safety_checker"] = false;
}

}  // namespace defound
