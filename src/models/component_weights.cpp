#include "component_weights.h"

#include "defound/core/error.h"
#include "defound/tensor/weights_reader.h"

namespace defound {

ComponentWeights read_component(const fs::path& folder) {
  for (const char* variant : {"", ".fp16"})
    for (const char* ending : {".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json"})
      for (const char* name : {"diffusion_pytorch_model", "model", "pytorch_model"})
        if (const fs::path file = folder / fmt::format("{}{}{}", name, variant, ending); is_there(file)) return {read_weights(file).tensors, file};
  reject("{} holds no weights; diffusion_pytorch_model.safetensors or model.safetensors (or .bin) must be there", folder.string());
}

void show_file_weights(torch::nn::Module& part, const TensorMap& weights) {
  const torch::NoGradGuard no_grad;
  for (auto& item : part.named_parameters()) {
    const auto found = weights.find(item.key());
    if (found != weights.end() && found->second.sizes() == item.value().sizes()) item.value().set_data(found->second);
  }
}

Json read_config_file(const fs::path& path) { return parse_json(read_text(path, 1 << 24), path.string()); }

void write_config_file(const fs::path& path, const Json& values) {
  make_folder(path.parent_path());
  write_atomic(path, values.dump(2) + "\n");
}

}  // namespace defound
