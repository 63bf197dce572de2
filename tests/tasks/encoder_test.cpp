#include "defound/tasks/encoder.h"

#include <gtest/gtest.h>

#include <csignal>

#include "defound/core/stop.h"
#include "defound/data/dataset.h"
#include "defound/image/transform.h"
#include "defound/models/vit.h"
#include "support/expect_error.h"
#include "support/made_up_classifier.h"
#include "support/made_up_mae.h"
#include "support/tensors.h"

namespace defound {
namespace {

using testing::expect_error;
using testing::MadeUpMae;
using testing::relative_error;
using testing::TempFolder;

/// The images of the golden.
struct GoldenImages : Dataset {
  explicit GoldenImages(torch::Tensor images) : images(std::move(images)) {}
  int64_t size() const override { return images.size(0); }
  Sample get(int64_t index, const Draws&, uint64_t) const override { return {images[index], -1, ""}; }
  torch::Tensor images;
};

/// The golden's encoder as a model file.
struct GoldenEncoder {
  explicit GoldenEncoder(bool with_fc_norm) : golden(load_safetensors(fs::path(DEFOUND_GOLDENS) / "probes.safetensors")) {
    TensorMap weights = testing::below(golden.tensors, "encoder.weights");
    if (!with_fc_norm) std::erase_if(weights, [](const auto& item) { return item.first.starts_with("fc_norm."); });
    save_safetensors(folder / "encoder.safetensors", weights, {{"defound.config", golden.metadata.at("config")}});
  }
  torch::Tensor features(const std::string& pool, int64_t batch_size = 2) const {
    const Encoder encoder = load_encoder({(folder / "encoder.safetensors").string(), "", pool});
    return embed_images(*encoder.model, GoldenImages(golden.tensors.at("encoder.images")), batch_size, torch::kCPU, 0);
  }
  Safetensors golden;
  TempFolder folder;
};

TEST(Encoder, PoolsAsMaeAndRetFoundDo) {
  const GoldenEncoder pretrained(false), finetuned(true);
  EXPECT_LT(relative_error(pretrained.features("cls"), pretrained.golden.tensors.at("encoder.cls")), 1e-5);
  EXPECT_LT(relative_error(pretrained.features("mean"), pretrained.golden.tensors.at("encoder.mean")), 1e-5);
  EXPECT_LT(relative_error(finetuned.features("mean"), finetuned.golden.tensors.at("encoder.fc_norm")), 1e-5);
  EXPECT_LT(relative_error(finetuned.features("cls"), finetuned.golden.tensors.at("encoder.cls")), 1e-5);
}

TEST(Encoder, FeaturesDoNotDependOnTheBatchSize) {
  const GoldenEncoder encoder(false);
  const torch::Tensor one_by_one = encoder.features("mean", 1);
  for (const int64_t batch_size : {2, 5, 64}) EXPECT_LT(relative_error(encoder.features("mean", batch_size), one_by_one), 1e-5) << batch_size;
}

TEST(Encoder, TakesTheInputOfItsFileOrAnother) {
  const MadeUpMae made;
  const Encoder own = load_encoder({made.run.string(), "", "mean"});
  EXPECT_EQ(own.file.filename(), "encoder.safetensors");
  EXPECT_EQ(own.transform->size, 16);
  EXPECT_EQ(own.transform->mean, kImageNetMean);
  EXPECT_NE(own.pooling.find("without weights"), std::string::npos);
  const Encoder larger = load_encoder({(made.run / "mae.safetensors").string(), "", "cls", 32});
  EXPECT_EQ(larger.transform->size, 32);
  EXPECT_EQ(larger.model->pos_embed.size(1), 1 + 64);
  const testing::MadeUpClassifier classifier;
  const Encoder finetuned = load_encoder({classifier.run.string(), "", "mean"});
  EXPECT_EQ(finetuned.file.filename(), "best.safetensors");
  EXPECT_FLOAT_EQ(finetuned.transform->mean[0], 0.5F);
  EXPECT_NE(finetuned.pooling.find("the file's fc_norm"), std::string::npos);
}

TEST(Encoder, AFileWithoutDescriptionIsKnownByItsShapes) {
  const TempFolder folder;
  VisionTransformer model(vit_config("vit_tiny_patch16_224"));
  model.init_weights(Draws(1, "init"));
  const std::string file = (folder / "timm.safetensors").string();
  save_safetensors(file, state_dict(model));
  const Encoder encoder = load_encoder({file, "", "cls"});
  EXPECT_EQ(encoder.model->config.depth, 12);
  EXPECT_EQ(encoder.model->config.num_heads, 3);
  EXPECT_EQ(encoder.transform->size, 224);
  EXPECT_EQ(load_encoder({file, "vit_tiny_patch16", "cls"}).transform->size, 224);
  expect_error(ExitCode::kUsage, "do not fit", [&] { load_encoder({file, "vit_base_patch16", "cls"}); });
  expect_error(ExitCode::kUsage, "not known", [&] { load_encoder({file, "resnet50", "cls"}); });
}

TEST(Encoder, WrongFilesAreNamed) {
  const MadeUpMae made;
  const testing::MadeUpClassifier classifier;
  expect_error(ExitCode::kUsage, "leave --arch out", [&] { load_encoder({made.run.string(), "tiny", "cls"}); });
  expect_error(ExitCode::kUsage, "use --pool mean", [&] { load_encoder({classifier.run.string(), "", "cls"}); });
  expect_error(ExitCode::kUsage, "does not exist", [&] { load_encoder({(made.folder / "none").string(), "", "cls"}); });
  expect_error(ExitCode::kUsage, "encoder.safetensors", [&] { load_encoder({made.images.string(), "", "cls"}); });
  save_safetensors(made.folder / "unet.safetensors", {{"conv_in.weight", torch::ones({4, 3, 3, 3})}});
  expect_error(ExitCode::kUsage, "do not fit", [&] { load_encoder({(made.folder / "unet.safetensors").string(), "tiny", "cls"}); });
  expect_error(ExitCode::kUsage, "no vision transformer", [&] { load_encoder({(made.folder / "unet.safetensors").string(), "", "cls"}); });
  TensorMap odd{{"patch_embed.proj.weight", torch::ones({100, 3, 16, 16})}, {"blocks.0.norm1.weight", torch::ones({100})}};
  save_safetensors(made.folder / "odd.safetensors", odd);
  expect_error(ExitCode::kUsage, "width 100 and depth 1", [&] { load_encoder({(made.folder / "odd.safetensors").string(), "", "cls"}); });
  const fs::path text = made.folder.write("text.safetensors", "no weights at all");
  expect_error(ExitCode::kUsage, "text.safetensors", [&] { load_encoder({text.string(), "tiny", "cls"}); });
}

TEST(Encoder, ASignalEndsTheWork) {
  const GoldenEncoder golden(false);
  {
    const StopSignal stop;
    std::raise(SIGTERM);
    expect_error(ExitCode::kSaved, "stopped by SIGTERM after 0 of", [&] { golden.features("mean"); });
  }
  EXPECT_GT(golden.features("mean").size(0), 0);
}

TEST(Encoder, FeaturesThatAreNotFiniteFail) {
  const GoldenEncoder golden(false);
  const Encoder encoder = load_encoder({(golden.folder / "encoder.safetensors").string(), "", "mean"});
  const torch::NoGradGuard no_grad;
  encoder.model->pos_embed.fill_(NAN);
  expect_error(ExitCode::kFailed, "not finite", [&] { embed_images(*encoder.model, GoldenImages(golden.golden.tensors.at("encoder.images")), 2, torch::kCPU, 0); });
}

}  // namespace
}  // namespace defound
