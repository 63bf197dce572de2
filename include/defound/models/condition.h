#pragma once
#include <torch/torch.h>

#include <span>
#include <string>
#include <vector>

#include "defound/config/json.h"
#include "defound/core/files.h"
#include "defound/tensor/safetensors.h"

namespace defound {

/// What a generator is asked to draw, as the tokens that its UNet attends to. A request is a text: a label's name for a
/// label table (trained with the UNet), a prompt for a text encoder (frozen, so it has no parameters here). "" asks for
/// nothing in particular: dropped conditions in training, the other side of guidance.
class Condition : public torch::nn::Module {
 public:
  /// N requests -> [N, sequence_length(), width()] on `device`. Row n depends on requests[n] only.
  virtual torch::Tensor encode(std::span<const std::string> requests, torch::Device device) = 0;
  virtual int64_t sequence_length() const = 0;
  virtual int64_t width() const = 0;
  /// The labels that it knows by name, in the order of the classes.
  virtual std::vector<std::string> labels() const = 0;
  /// What to ask for to get a label; rejects (exit 2) an unknown one, with the nearest.
  virtual std::string request_for(const std::string& label) const = 0;
  /// Whether any text may be requested, not only labels.
  virtual bool reads_text() const = 0;
  /// Writes its part of a generator folder. `weights`: those of its own parameters, by name.
  virtual void save(const fs::path& folder, const TensorMap& weights) const = 0;
  /// Adds its part to model_index.json.
  virtual void describe(Json& model_index) const = 0;
};

/// The place of `label` among `labels`; rejects (exit 2) an unknown one, with the nearest.
size_t index_of_label(const std::string& label, const std::vector<std::string>& labels);

}  // namespace defound
