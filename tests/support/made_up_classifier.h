#pragma once
#include <fmt/format.h>

#include <string>
#include <vector>

#include "defound/config/json.h"
#include "defound/image/image_io.h"
#include "defound/models/vit.h"
#include "defound/run/provenance.h"
#include "defound/tensor/load_weights.h"
#include "defound/tensor/safetensors.h"
#include "support/temp_folder.h"

namespace defound::testing {

/// A run folder as a fine-tuning leaves it (a tiny random vision transformer of two classes) and images with a
/// manifest: 12 patients with two images each, of which 5 are in split test and 7 in train.
struct MadeUpClassifier {
  TempFolder folder;
  fs::path run = folder / "run", images = folder / "images", output = folder / "evaluation";

  MadeUpClassifier() {
    fs::create_directories(run), fs::create_directories(images);
    std::string rows = "path,label,patient,split,sex\n";
    for (int64_t i = 0; i < 24; ++i) {
      const int64_t patient = i / 2;
      write_image(images / fmt::format("{}.png", i), picture(i));
      rows += fmt::format("{}.png,{},patient {},{},{}\n", i, patient % 2 == 0 ? "healthy" : "ill", patient, patient < 5 ? "test" : "train", patient % 3 == 0 ? "F" : "M");
    }
    folder.write("images/manifest.csv", rows);
    save_model();
    folder.write("run/classes.json", "[\"healthy\", \"ill\"]\n");
  }

  fs::path test_image(int64_t n) const { return images / fmt::format("{}.png", n); }
  std::string evaluate(const std::string& options) const {
    return fmt::format("defound-evaluate --model {} --data {} --output {} --threads 1 {}", run.string(), (images / "manifest.csv").string(), output.string(), options);
  }
  void went_into_the_model(std::vector<std::string> patients, std::vector<std::string> hashes) const {
    Ancestry ancestry;
    ancestry.add({std::move(patients), std::move(hashes)});
    Provenance(run / "provenance.json").set_ancestry(ancestry);
  }

 private:
  static Image picture(int64_t n) {
    Image image(20, 24);
    RandomStream stream = Draws(1, "picture").stream(static_cast<uint64_t>(n));
    for (auto& pixel : image.pixels) pixel = static_cast<uint8_t>(stream.below(256));
    return image;
  }

  void save_model() const {
    VitConfig config;
    config.img_size = 16, config.patch_size = 8, config.embed_dim = 8, config.depth = 1, config.num_heads = 2, config.num_classes = 2;
    config.global_pool = "avg";
    VisionTransformer model(config);
    model.init_weights(Draws(2, "init"));
    torch::NoGradGuard no_grad;
    model.head->weight.mul_(1e5);   // so that predictions differ
    const Json input = {{"input_size", 16}, {"mean", {0.5, 0.5, 0.5}}, {"std", {0.25, 0.25, 0.25}}, {"transform", "evaluate"}};
    save_safetensors(run / "best.safetensors", state_dict(model), {{"defound.config", to_json(config).dump()}, {"defound.input", input.dump()}});
  }
};

}  // namespace defound::testing
