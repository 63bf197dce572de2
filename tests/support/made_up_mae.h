#pragma once
#include <fmt/format.h>

#include <string>

#include "defound/config/json.h"
#include "defound/image/image_io.h"
#include "defound/models/key_maps.h"
#include "defound/models/mae.h"
#include "defound/run/provenance.h"
#include "defound/tasks/weights_file.h"
#include "defound/tensor/load_weights.h"
#include "support/temp_folder.h"

namespace defound::testing {

/// A run folder as a pretraining leaves it (a tiny random masked autoencoder), and images that are easy to tell apart
/// with a manifest: 12 patients with two images each, dark and light in turn; 6 in split train, 2 in val, 4 in test.
struct MadeUpMae {
  TempFolder folder;
  fs::path run = folder / "run", images = folder / "images", output = folder / "output";
  MaeConfig config;

  MadeUpMae() {
    fs::create_directories(run), fs::create_directories(images);
    std::string rows = "path,label,patient,split\n";
    for (int64_t i = 0; i < 24; ++i) {
      const int64_t patient = i / 2;
      write_image(images / fmt::format("{:02}.png", i), picture(i, patient % 2 == 0 ? 30 : 160));
      rows += fmt::format("{:02}.png,{},patient {},{}\n", i, patient % 2 == 0 ? "dark" : "light", patient, patient < 6 ? "train" : patient < 8 ? "val" : "test");
    }
    folder.write("images/manifest.csv", rows);
    save_model();
  }

  std::string manifest() const { return (images / "manifest.csv").string(); }
  /// defound-VERB on the model and the images.
  std::string line(const std::string& verb, const std::string& options = "") const {
    return fmt::format("defound-{} --model {} --data {} --output {} --threads 1 --log_level warn {}", verb, run.string(), manifest(), output.string(), options);
  }
  std::shared_ptr<MaskedAutoencoder> model() const {
    auto made = std::make_shared<MaskedAutoencoder>(config);
    made->init_weights(Draws(2, "init"));
    return made;
  }

 private:
  static Image picture(int64_t n, uint64_t base) {
    Image image(20, 24);
    RandomStream stream = Draws(1, "made-up picture").stream(static_cast<uint64_t>(n));
    for (auto& pixel : image.pixels) pixel = static_cast<uint8_t>(base + stream.below(60));
    return image;
  }

  void save_model() {
    config.img_size = 16, config.patch_size = 4, config.embed_dim = 16, config.depth = 1, config.num_heads = 2;
    config.decoder_embed_dim = 16, config.decoder_depth = 1, config.decoder_num_heads = 2;
    const TensorMap weights = state_dict(*model());
    const std::map<std::string, std::string> metadata = {{"defound.model", "mae"}, {"defound.config", to_json(config).dump()}, {"defound.input", model_input(16).dump()}};
    save_safetensors(run / "mae.safetensors", weights, metadata);
    save_safetensors(run / "encoder.safetensors", encoder_weights(weights), metadata);
  }
};

}  // namespace defound::testing
