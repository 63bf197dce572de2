#pragma once
#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "defound/config/json.h"
#include "defound/core/random.h"
#include "defound/models/condition.h"

namespace defound {

/// condition/config.json: what the rows of a label table stand for.
struct LabelTableConfig : Config {
  std::vector<std::string> labels;      ///< names, in the order of the classes
  int64_t tokens = 4;                   ///< tokens that a label is given as
  int64_t cross_attention_dim = 64;
  void visit(Visitor& v) override;
};

/// Learned condition tokens, one set a label and one for "no label": the last row. Trained with the UNet. Requests are the
/// names of labels.
class LabelTable : public Condition {
 public:
  /// The embedding is not drawn: load it, or draw(). Rejects (exit 2) an empty or doubled label.
  explicit LabelTable(const LabelTableConfig& config);
  /// Standard normal rows that depend on (draws, label's index) only.
  void draw(const Draws& draws);
  /// labels [N] int64, -1 for no label -> [N, tokens, cross_attention_dim].
  torch::Tensor forward(const torch::Tensor& labels);
  /// Index of a label's name; rejects (exit 2) an unknown one, with the nearest.
  int64_t index_of(const std::string& label) const;

  torch::Tensor encode(std::span<const std::string> requests, torch::Device device) override;
  int64_t sequence_length() const override { return config_.tokens; }
  int64_t width() const override { return config_.cross_attention_dim; }
  std::vector<std::string> labels() const override { return config_.labels; }
  std::string request_for(const std::string& label) const override { return config_.labels[index_of_label(label, config_.labels)]; }
  bool reads_text() const override { return false; }
  /// condition/config.json and condition/model.safetensors.
  void save(const fs::path& folder, const TensorMap& weights) const override;
  void describe(Json& model_index) const override;
  static std::shared_ptr<LabelTable> load(const fs::path& folder);

  const LabelTableConfig& config() const { return config_; }

 private:
  LabelTableConfig config_;
  torch::Tensor embedding_;  // [labels + 1, tokens, cross_attention_dim]
};

}  // namespace defound
