#include "defound/models/generator.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <cmath>

#include "defound/core/error.h"
#include "defound/core/stop.h"
#include "defound/models/sample_images.h"
#include "defound/models/unet_presets.h"
#include "defound/nn/initialize.h"
#include "defound/tensor/load_weights.h"
#include "support/diffusers_golden.h"
#include "support/expect_error.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

using testing::relative_error;
using testing::TempFolder;

UNet2DConditionConfig small_config(int64_t channels = 3) {
  UNet2DConditionConfig config;
  config.sample_size = 8;
  config.in_channels = config.out_channels = channels;
  config.block_out_channels = {8, 16};
  config.down_block_types = {"DownBlock2D", "CrossAttnDownBlock2D"};
  config.up_block_types = {"CrossAttnUpBlock2D", "UpBlock2D"};
  config.layers_per_block = {1};
  config.norm_num_groups = 4;
  config.attention_head_dim = {2};
  config.cross_attention_dim = 12;
  return config;
}

LabelTableConfig two_labels() {
  LabelTableConfig config;
  config.labels = {"healthy", "ill"};
  config.tokens = 2;
  config.cross_attention_dim = 12;
  return config;
}

std::shared_ptr<AutoencoderKL> small_vae() {
  AutoencoderKLConfig config;
  config.block_out_channels = {4, 8};
  config.down_block_types = {"DownEncoderBlock2D", "DownEncoderBlock2D"};
  config.up_block_types = {"UpDecoderBlock2D", "UpDecoderBlock2D"};
  config.norm_num_groups = 2;
  auto vae = std::make_shared<AutoencoderKL>(config);
  initialize(*vae, Draws(1, "vae"));
  return vae;
}

Generator pixels() { return Generator::make(small_config(), two_labels(), {}, nullptr, Draws(0, "weights")); }
Generator latents() { return Generator::make(small_config(4), two_labels(), {}, small_vae(), Draws(0, "weights")); }

const std::vector<int64_t> kLabels = {0, 1, -1, 0, 1, 1, 0, 0};
const std::vector<uint64_t> kSeeds = {9, 8, 7, 6, 5, 4, 3, UINT64_MAX};

TEST(Generator, SavedAndLoadedItMakesTheSameImages) {
  const TempFolder temp;
  for (const bool with_vae : {false, true}) {
    Generator generator = with_vae ? latents() : pixels();
    generator.save(temp / "generator");
    Generator loaded = Generator::load(temp / "generator");
    EXPECT_EQ(loaded.labels(), generator.labels());
    EXPECT_EQ(loaded.resolution(), with_vae ? 16 : 8);
    EXPECT_EQ(loaded.vae != nullptr, with_vae);
    const SampleOptions options{.sampler = {.steps = 3}, .guidance = {.guidance_scale = 2}};
    EXPECT_TRUE(torch::equal(sample_images(loaded, kLabels, kSeeds, options), sample_images(generator, kLabels, kSeeds, options)));
    EXPECT_FALSE(fs::exists((temp / "generator") / "vae") != with_vae);
  }
}

TEST(Generator, SavesOtherWeightsAndNoneThatAreNotFinite) {
  const TempFolder temp;
  const Generator generator = pixels();
  TensorMap weights = state_dict(*generator.model);
  for (auto& [name, tensor] : weights) tensor = (tensor + 1).to(torch::kBFloat16);
  generator.save(temp / "generator", weights);
  const TensorMap read = state_dict(*Generator::load(temp / "generator").model);
  for (const auto& [name, tensor] : read) EXPECT_TRUE(torch::equal(tensor, weights.at(name).to(torch::kFloat32))) << name;
  weights.at("unet.conv_in.bias").fill_(NAN);
  EXPECT_THROW(generator.save(temp / "generator", weights), Error);
  EXPECT_EQ(Generator::load(temp / "generator").labels().size(), 2u);
}

class SamplersOfGenerator : public ::testing::TestWithParam<SamplerOptions> {};

TEST_P(SamplersOfGenerator, AnImageDependsOnItsSeedAndLabelOnly) {
  Generator generator = pixels();
  generator.to(torch::kCPU, torch::kFloat64);
  const SampleOptions options{.sampler = GetParam(), .guidance = {.guidance_scale = 2.5}};
  const torch::Tensor together = sample_latents(generator, kLabels, kSeeds, options);
  ASSERT_EQ(together.sizes(), (torch::IntArrayRef{8, 3, 8, 8}));
  ASSERT_EQ(together.scalar_type(), torch::kFloat64);
  for (size_t n = 0; n < kSeeds.size(); ++n) {
    const torch::Tensor alone = sample_latents(generator, {&kLabels[n], 1}, {&kSeeds[n], 1}, options);
    EXPECT_LT(relative_error(together[static_cast<int64_t>(n)], alone[0]), 1e-9) << n;
  }
}

INSTANTIATE_TEST_SUITE_P(All, SamplersOfGenerator,
                         ::testing::Values(SamplerOptions{.sampler = "ddim", .steps = 4}, SamplerOptions{.sampler = "ddim", .steps = 4, .eta = 1},
                                           SamplerOptions{.sampler = "ddpm", .steps = 4}, SamplerOptions{.sampler = "pndm", .steps = 4},
                                           SamplerOptions{.sampler = "dpmpp_2m", .steps = 4}, SamplerOptions{.sampler = "euler", .steps = 4}));

TEST(SampleImages, AreTheDecodedLatents) {
  Generator generator = latents();
  const SampleOptions options{.sampler = {.steps = 2}};
  const torch::Tensor images = sample_images(generator, kLabels, kSeeds, options);
  ASSERT_EQ(images.sizes(), (torch::IntArrayRef{8, 3, 16, 16}));
  EXPECT_TRUE((images >= 0).all().item<bool>() && (images <= 1).all().item<bool>());
  EXPECT_TRUE(torch::equal(images, generator.decode(sample_latents(generator, kLabels, kSeeds, options))));
}

TEST(SampleImages, SeedsAndLabelsMatter) {
  Generator generator = pixels();
  const SampleOptions options{.sampler = {.steps = 2}};
  const auto make = [&](int64_t label, uint64_t seed) { return sample_images(generator, {&label, 1}, {&seed, 1}, options); };
  EXPECT_FALSE(torch::equal(make(0, 1), make(0, 2)));
  EXPECT_FALSE(torch::equal(make(0, 1), make(1, 1)));
  EXPECT_FALSE(torch::equal(make(0, 1), make(-1, 1)));
}

TEST(Generator, EncodesByIdAndDecodesToTheUnitRange) {
  Generator generator = latents();
  const torch::Tensor images = torch::rand({2, 3, 16, 16}) * 2 - 1;
  const std::vector<uint64_t> ids = {4, 5};
  const torch::Tensor both = generator.encode(images, Draws(2, "encode"), ids);
  EXPECT_EQ(both.sizes(), (torch::IntArrayRef{2, 4, 8, 8}));
  const torch::Tensor second = generator.encode(images.slice(0, 1), Draws(2, "encode"), std::span(ids).subspan(1));
  EXPECT_TRUE(torch::allclose(both.slice(0, 1), second, 1e-4, 1e-6));
  EXPECT_EQ(generator.decode(both).sizes(), images.sizes());
  Generator plain = pixels();
  EXPECT_TRUE(torch::allclose(plain.decode(plain.encode(images, Draws(2, "encode"), ids)), images / 2 + 0.5));
}

void expect_load_rejected(const fs::path& folder, const std::string& part) {
  try {
    Generator::load(folder);
    FAIL() << "loaded; expected " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kUsage);
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

TEST(Generator, NamesTheFileThatIsWrong) {
  const TempFolder temp;
  expect_load_rejected(temp / "none", "none");
  const fs::path folder = temp / "generator";
  const auto fresh = [&] { pixels().save(folder); };
  fresh(), fs::remove(folder / "model_index.json");
  expect_load_rejected(folder, "model_index.json");
  fresh(), fs::remove(folder / "unet" / "diffusion_pytorch_model.safetensors");
  expect_load_rejected(folder, "diffusion_pytorch_model.safetensors");
  fresh(), fs::remove_all(folder / "condition");
  expect_load_rejected(folder, "condition");
  fresh(), save_safetensors(folder / "condition" / "model.safetensors", {{"embedding", torch::zeros({5, 2, 12})}});
  expect_load_rejected(folder, "embedding");
  fresh(), save_safetensors(folder / "unet" / "diffusion_pytorch_model.safetensors", state_dict(*small_vae()));
  expect_load_rejected(folder, "the file is this: diffusers AutoencoderKL");
  fresh(), temp.write("generator/condition/config.json", R"({"labels": ["a", "a"], "cross_attention_dim": 12, "tokens": 2})");
  expect_load_rejected(folder, "'a'");
  for (const char* label : {"../outside", "a/b", "."}) {
    fresh(), temp.write("generator/condition/config.json", fmt::format(R"({{"labels": ["{}", "a"], "cross_attention_dim": 12, "tokens": 2}})", label));
    expect_load_rejected(folder, fmt::format("label '{}' cannot name a folder", label));
  }
  fresh(), temp.write("generator/scheduler/scheduler_config.json", R"({"thresholding": true})");
  expect_load_rejected(folder, "thresholding");
}

TEST(LabelTable, LastRowIsNoLabelAndNamesAreFound) {
  LabelTable table(two_labels());
  table.draw(Draws(0, "table"));
  const torch::Tensor rows = table.forward(torch::tensor({-1, 1}));
  EXPECT_TRUE(torch::equal(rows[0], table.parameters()[0][2]));
  EXPECT_TRUE(torch::equal(rows[1], table.parameters()[0][1]));
  EXPECT_EQ(table.index_of("ill"), 1);
  EXPECT_THROW(table.index_of("il"), Error);
}

TEST(UNetPresets, HalveDownToAboutEightAndAttendThere) {
  const UNet2DConditionConfig config = unet_preset("tiny", 64, 3);
  EXPECT_EQ(config.block_out_channels, (std::vector<int64_t>{24, 48, 96, 96}));
  EXPECT_EQ(config.down_block_types, (std::vector<std::string>{"DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"}));
  EXPECT_EQ(config.up_block_types, (std::vector<std::string>{"CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"}));
  EXPECT_EQ(unet_preset("small", 32, 3).block_out_channels, (std::vector<int64_t>{64, 128, 256}));
  EXPECT_EQ(unet_preset("sd1", 64, 4).block_out_channels.size(), 4u);
  EXPECT_THROW(unet_preset("smal", 64, 3), Error);
  EXPECT_THROW(unet_preset("tiny", 4, 3), Error);
}

TEST(Initialize, DependsOnNameAndDrawsOnlyAndHasPyTorchsSpread) {
  const Generator one = pixels(), two = pixels();
  const TensorMap first = state_dict(*one.model), second = state_dict(*two.model);
  for (const auto& [name, tensor] : first) EXPECT_TRUE(torch::equal(tensor, second.at(name))) << name;
  const torch::Tensor weight = first.at("unet.mid_block.resnets.0.conv1.weight");  // [16, 16, 3, 3]: fan-in 144
  EXPECT_LE(weight.abs().max().item<double>(), 1.0 / 12);
  EXPECT_NEAR(weight.std().item<double>(), 1.0 / 12 / std::sqrt(3.0), 0.002);
  EXPECT_EQ(first.at("unet.conv_norm_out.weight").min().item<double>(), 1);
  EXPECT_EQ(first.at("unet.conv_norm_out.bias").abs().max().item<double>(), 0);
  EXPECT_GT(first.at("unet.conv_in.bias").abs().max().item<double>(), 0);
}

TEST(Generator, DrawingEndsAtASignalOnlyWhereItMay) {
  Generator generator = pixels();
  SampleOptions options{{"ddim", 2}, {1.0}};
  const StopSignal stop;
  raise(SIGTERM);
  EXPECT_EQ(sample_images(generator, kLabels, kSeeds, options).size(0), 8);
  options.may_stop = true;
  testing::expect_error(ExitCode::kSaved, "stopped by SIGTERM while drawing", [&] { sample_images(generator, kLabels, kSeeds, options); });
}

}  // namespace
}  // namespace defound
