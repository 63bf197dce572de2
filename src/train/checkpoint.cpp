#include "defound/train/checkpoint.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "defound/config/json.h"
#include "defound/core/error.h"
#include "defound/core/log.h"

namespace defound {
namespace {

constexpr const char* kFormat = "defound checkpoint 1";
constexpr const char* kPartFormat = "defound checkpoint part 1";

/// Over names, types, shapes, bytes and the state: a flipped bit anywhere changes it.
std::string checksum(const std::string& state, const TensorMap& tensors) {
  std::string summary = state;
  for (const auto& [name, tensor] : tensors)
    summary += fmt::format("\n{} {} [{}] {}", name, c10::toString(tensor.scalar_type()), fmt::join(tensor.sizes().vec(), ","),
                           sha256({static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()}));
  return sha256(summary);
}

/// The step in "step-000123.safetensors", "step-000123.part-1.safetensors" or the temporary name of one of them.
std::optional<int64_t> step_in(const fs::path& file) {
  const std::string name = file.filename().string();
  const size_t begin = name.starts_with(".step-") ? 6 : 5, end = name.find('.', begin);
  if (!name.starts_with(".step-") && !name.starts_with("step-")) return std::nullopt;
  if (file.extension() != ".safetensors" || end == begin || end > begin + 18) return std::nullopt;
  const std::string digits = name.substr(begin, end - begin);
  if (digits.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  return std::stoll(digits);
}

/// Steps and files of a folder's checkpoints, newest first.
std::vector<std::pair<int64_t, fs::path>> list_checkpoints(const fs::path& folder) {
  std::vector<std::pair<int64_t, fs::path>> found;
  if (!fs::is_directory(folder)) return found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto step = step_in(entry.path());
    if (step && entry.path().stem().string().find('.') == std::string::npos) found.emplace_back(*step, entry.path());
  }
  std::sort(found.rbegin(), found.rend());
  return found;
}

/// The name that a checkpoint gets when it cannot be read.
fs::path torn_file(const fs::path& file) { return fs::path(file) += ".torn"; }

TensorMap on_cpu(const TensorMap& tensors) {
  TensorMap result;
  for (const auto& [name, tensor] : tensors) result[name] = tensor.detach().to(torch::kCPU).contiguous();
  return result;
}

/// Adds the tensors of a part that belongs to the checkpoint with this checksum of it.
void load_part(const fs::path& part, const std::string& expected, TensorMap& tensors) {
  Safetensors content = load_safetensors(part);
  if (content.metadata["format"] != kPartFormat) fail("{} is no part of a checkpoint of this program", part.string());
  if (content.metadata["checksum"] != expected) fail("{} belongs to another checkpoint", part.string());
  if (checksum("", content.tensors) != expected) fail("{} is damaged: its checksum does not match", part.string());
  for (auto& [name, tensor] : content.tensors)
    if (!tensors.emplace(name, tensor).second) fail("{} holds {}, which another part of the checkpoint holds too", part.string(), name);
}

}  // namespace

fs::path checkpoint_file(const fs::path& folder, int64_t step) { return folder / fmt::format("step-{:06}.safetensors", step); }

fs::path checkpoint_part(const fs::path& file, int64_t rank) {
  return file.parent_path() / fmt::format("{}.part-{}.safetensors", file.stem().string(), rank);
}

void save_checkpoint(const fs::path& file, const Checkpoint& checkpoint, const std::vector<std::string>& parts) {
  const TensorMap tensors = on_cpu(checkpoint.tensors);
  Json state = {{"step", checkpoint.step}, {"epoch", checkpoint.position.epoch}, {"sample", checkpoint.position.sample},
                {"dataset_size", checkpoint.dataset_size}, {"best", checkpoint.best ? Json(*checkpoint.best) : Json(nullptr)},
                {"best_step", checkpoint.best_step}};
  if (!parts.empty()) state["parts"] = parts;
  const std::string text = state.dump();
  save_safetensors(file, tensors, {{"format", kFormat}, {"state", text}, {"checksum", checksum(text, tensors)}});
}

std::string save_checkpoint_part(const fs::path& part, const Checkpoint& checkpoint) {
  const TensorMap tensors = on_cpu(checkpoint.tensors);
  const std::string sum = checksum("", tensors);
  save_safetensors(part, tensors, {{"format", kPartFormat}, {"checksum", sum}});
  return sum;
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
  int64_t rank = 0;
  for (const auto& sum : state.value("parts", std::vector<std::string>())) load_part(checkpoint_part(file, rank++), sum, checkpoint.tensors);
  return checkpoint;
}

std::optional<FoundCheckpoint> find_newest_checkpoint(const fs::path& folder) {
  for (const auto& [step, file] : list_checkpoints(folder)) {
    try {
      return FoundCheckpoint{file, load_checkpoint(file)};
    } catch (const std::exception& e) {
      log::warn("skipping a damaged checkpoint: {}", e.what());
      std::error_code ignored;
      fs::rename(file, torn_file(file), ignored);
    }
  }
  return std::nullopt;
}

void remove_unfinished_checkpoints(const fs::path& folder, int64_t newest) {
  std::error_code ignored;
  if (!fs::is_directory(folder)) return;
  std::vector<fs::path> gone;
  for (const auto& entry : fs::directory_iterator(folder))
    if (const auto step = step_in(entry.path()); step && *step > newest && !fs::exists(torn_file(checkpoint_file(folder, *step)))) gone.push_back(entry.path());
  for (const fs::path& file : gone) fs::remove(file, ignored);
}

void prune_checkpoints(const fs::path& folder, int64_t keep) {
  std::error_code ignored;
  const auto found = list_checkpoints(folder);
  if (found.empty()) return;
  std::set<int64_t> kept;
  for (size_t i = 0; i < std::min(found.size(), static_cast<size_t>(keep)); ++i) kept.insert(found[i].first);
  std::vector<fs::path> gone;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto step = step_in(entry.path());
    const bool is_temporary = entry.path().filename().string().starts_with(".");
    if (step && *step <= found.front().first && (is_temporary || !kept.contains(*step))) gone.push_back(entry.path());  // later ones: others are at it
  }
  for (const fs::path& file : gone) fs::remove(file, ignored);
}

}  // namespace defound
