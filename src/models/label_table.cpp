#include "defound/models/label_table.h"

#include <numeric>
#include <set>

#include "defound/core/error.h"
#include "component_weights.h"
#include "defound/tensor/load_weights.h"
#include "defound/tensor/random_tensor.h"

namespace defound {
namespace {

LabelTableConfig checked(const LabelTableConfig& config) {
  std::set<std::string> seen;
  if (config.labels.empty()) reject("a label table needs at least one label");
  for (const std::string& label : config.labels) {
    if (label.empty() || !seen.insert(label).second) reject("label '{}' is empty or stands twice in the label table", label);
    if (label.starts_with(".") || label.find_first_of(std::string_view("/\0", 2)) != std::string::npos)  // "../x" would leave the output folder
      reject("label '{}' cannot name a folder of images: give it a name without / that does not begin with a dot", label);
  }
  return config;
}

}  // namespace

void LabelTableConfig::visit(Visitor& v) {
  v(field("labels", "names of the labels"), labels);
  v(field("tokens", "tokens a label").range(1, 4096), tokens);
  v(field("cross_attention_dim", "width of a token").range(1, 1 << 16), cross_attention_dim);
}

LabelTable::LabelTable(const LabelTableConfig& config)
    : config_(checked(config)),
      embedding_(register_parameter("embedding", torch::empty({static_cast<int64_t>(config.labels.size()) + 1, config.tokens, config.cross_attention_dim}))) {}

void LabelTable::draw(const Draws& draws) {
  torch::NoGradGuard no_grad;
  std::vector<uint64_t> rows(static_cast<size_t>(embedding_.size(0)));
  std::iota(rows.begin(), rows.end(), uint64_t{0});
  embedding_.copy_(random_normal(draws, rows, embedding_.sizes().slice(1)));
}

torch::Tensor LabelTable::forward(const torch::Tensor& labels) {
  const int64_t none = embedding_.size(0) - 1;
  return embedding_.index_select(0, torch::where(labels < 0, none, labels).to(embedding_.device()));
}

int64_t LabelTable::index_of(const std::string& label) const { return static_cast<int64_t>(index_of_label(label, config_.labels)); }

torch::Tensor LabelTable::encode(std::span<const std::string> requests, torch::Device device) {
  std::vector<int64_t> rows;
  for (const std::string& label : requests) rows.push_back(label.empty() ? -1 : index_of(label));
  return forward(torch::tensor(rows, torch::kInt64)).to(device);
}

void LabelTable::save(const fs::path& folder, const TensorMap& weights) const {
  LabelTableConfig table = config_;
  Json values = {{"_class_name", "LabelTable"}};
  values.update(to_json(table));
  write_config_file(folder / "condition" / "config.json", values);
  save_safetensors(folder / "condition" / "model.safetensors", weights, {{"format", "pt"}});
}

void LabelTable::describe(Json& model_index) const {
  model_index["_class_name"] = "DefoundLabelPipeline";
  model_index["condition"] = {"defound", "LabelTable"};
}

std::shared_ptr<LabelTable> LabelTable::load(const fs::path& folder) {
  const fs::path path = folder / "condition" / "config.json";
  Json values = read_config_file(path);
  values.erase("_class_name");
  LabelTableConfig config;
  from_json(config, values, path.string());
  check_ranges(config);
  auto table = std::make_shared<LabelTable>(config);
  const ComponentWeights weights = read_component(folder / "condition");
  load_weights(*table, weights.tensors, {}, weights.file.string());
  return table;
}

}  // namespace defound
