#include "defound/train/checkpoint.h"

#include <ATen/Parallel.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "defound/config/json.h"
#include "defound/core/error.h"
#include "defound/core/log.h"

namespace defound {
namespace {

constexpr const char* kFormat = "defound checkpoint 1";

/// Over names, types, shapes, bytes and the state: a flipped bit anywhere changes it.
std::string checksum(const std::string& state, const TensorMap& tensors) {
  std::vector<std::pair<std::string, torch::Tensor>> items(tensors.begin(), tensors.end());
  std::vector<std::string> digests(items.size());
  at::parallel_for(0, static_cast<int64_t>(items.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const torch::Tensor& tensor = items[i].second;
      digests[i] = sha256({static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()});
    }
  });
  std::string summary = state;
  for (size_t i = 0; i < items.size(); ++i)
    summary += fmt::format("\n{} {} [{}] {}", items[i].first, c10::toString(items[i].second.scalar_type()),
                           fmt::join(items[i].second.sizes().vec(), ","), digests[i]);
  return sha256(summary);
}

/// Steps and files of a folder's checkpoints, newest first.
std::vector<std::pair<int64_t, fs::path>> list_checkpoints(const fs::path& folder) {
  std::vector<std::pair<int64_t, fs::path>> found;
  if (!fs::is_directory(folder)) return found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string stem = entry.path().stem().string();
    if (entry.path().extension() != ".safetensors" || !stem.starts_with("step-") || stem.size() > 23) continue;
    if (stem.size() > 5 && stem.find_first_not_of("0123456789", 5) == std::string::npos) found.emplace_back(std::stoll(stem.substr(5)), entry.path());
  }
  std::sort(found.rbegin(), found.rend());
  return found;
}

}  // namespace

fs::path checkpoint_file(const fs::path& folder, int64_t step) { return folder / fmt::format("step-{:06}.safetensors", step); }

void save_checkpoint(const fs::path& file, const Checkpoint& checkpoint) {
  TensorMap tensors;
  for (const auto& [name, tensor] : checkpoint.tensors) tensors[name] = tensor.detach().to(torch::kCPU).contiguous();
  const Json state = {{"step", checkpoint.step}, {"epoch", checkpoint.position.epoch}, {"sample", checkpoint.position.sample},
                      {"dataset_size", checkpoint.dataset_size}, {"best", checkpoint.best ? Json(*checkpoint.best) : Json(nullptr)},
                      {"best_step", checkpoint.best_step}};
  const std::string text = state.dump();
  save_safetensors(file, tensors, {{"format", kFormat}, {"state", text}, {"checksum", checksum(text, tensors)}});
}

Checkpoint load_checkpoint(const fs::path& file) {
  Safetensors content = load_safetensors(file);
  auto& metadata = content.metadata;
  if (metadata["format"] != kFormat) fail("{} is no checkpoint of this program", file.string());
  if (metadata["checksum"] != checksum(metadata["state"], content.tensors)) fail("{} is damaged: its checksum does not match", file.string());
  const Json state = parse_json(metadata["state"], file.string());
  Checkpoint checkpoint;
  checkpoint.step = state.at("step");
  checkpoint.position = {state.at("epoch"), state.at("sample")};
  checkpoint.dataset_size = state.at("dataset_size");
  if (!state.at("best").is_null()) checkpoint.best = state.at("best").get<double>();
  checkpoint.best_step = state.at("best_step");
  checkpoint.tensors = std::move(content.tensors);
  return checkpoint;
}

std::optional<FoundCheckpoint> find_newest_checkpoint(const fs::path& folder) {
  for (const auto& [step, file] : list_checkpoints(folder)) {
    try {
      return FoundCheckpoint{file, load_checkpoint(file)};
    } catch (const std::exception& e) {
      log::warn("skipping a damaged checkpoint: {}", e.what());
      std::error_code ignored;
      fs::rename(file, fs::path(file) += ".torn", ignored);
    }
  }
  return std::nullopt;
}

void prune_checkpoints(const fs::path& folder, int64_t keep) {
  std::error_code ignored;
  const auto found = list_checkpoints(folder);
  for (size_t i = static_cast<size_t>(keep); i < found.size(); ++i) fs::remove(found[i].second, ignored);
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(".step-") && name.find(".tmp") != std::string::npos) fs::remove(entry.path(), ignored);
  }
}

}  // namespace defound
