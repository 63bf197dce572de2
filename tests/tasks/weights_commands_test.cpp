#include <gtest/gtest.h>
#include <torch/torch.h>

#include <fstream>

#include "defound/config/json.h"
#include "defound/tasks/weights_convert.h"
#include "defound/tasks/weights_diff.h"
#include "defound/tasks/weights_inspect.h"
#include "defound/tensor/pth.h"
#include "defound/tensor/weights_reader.h"
#include "support/command.h"
#include "support/expect_error.h"
#include "support/small_stable_diffusion.h"
#include "support/small_vit.h"
#include "support/temp_folder.h"
#include "support/weight_lists.h"

namespace defound {
namespace {

using testing::drawn_weights;
using testing::expect_error;
using testing::TempFolder;
using testing::tiny_mae;
using testing::tiny_vit;

/// A .safetensors file of these shapes in fp32 whose values were never written: the disk holds its header only.
fs::path write_hollow(const fs::path& path, const TensorMap& shapes) {
  Json header = Json::object();
  uint64_t at = 0;
  for (const auto& [name, tensor] : shapes) {
    const uint64_t bytes = static_cast<uint64_t>(tensor.numel()) * 4;
    header[name] = {{"dtype", "F32"}, {"shape", tensor.sizes().vec()}, {"data_offsets", {at, at + bytes}}};
    at += bytes;
  }
  const std::string text = header.dump();
  const uint64_t length = text.size();
  std::ofstream(path, std::ios::binary) << std::string(reinterpret_cast<const char*>(&length), sizeof length) << text;
  fs::resize_file(path, sizeof length + length + at);
  return path;
}

int64_t resident_bytes() {
  int64_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * 4096;
}

std::string inspected(const fs::path& file, bool json = false, bool keys = false) {
  WeightsInspectConfig config;
  config.file = file.string(), config.json = json, config.keys = keys;
  return weights_inspect(config);
}

std::string convert(const fs::path& file, const std::string& to, const fs::path& output, const std::function<void(WeightsConvertConfig&)>& set = {}) {
  WeightsConvertConfig config;
  config.file = file.string(), config.to = to, config.output = output.string();
  if (set) set(config);
  return weights_convert(config);
}

WeightsDiff compared(const fs::path& a, const fs::path& b, const std::function<void(WeightsDiffConfig&)>& set = {}) {
  WeightsDiffConfig config;
  config.a = a.string(), config.b = b.string();
  if (set) set(config);
  return weights_diff(config);
}

void expect_holds(const std::string& text, const std::string& part) { EXPECT_NE(text.find(part), std::string::npos) << text; }

TEST(WeightsInspect, NeedsNoValues) {
  const TempFolder folder;
  const fs::path file = write_hollow(folder / "large.safetensors", testing::listed_weights("mae_vit_large_encoder"));
  const int64_t before = resident_bytes();
  const std::string text = inspected(file);
  EXPECT_LT(resident_bytes() - before, static_cast<int64_t>(fs::file_size(file) / 20));
  expect_holds(text, "MAE ViT-L/16 encoder without decoder, 294 tensors");
  expect_holds(text, "303301632");
  expect_holds(text, "no decoder: pretraining can go on with --init_decoder random");
}

TEST(WeightsInspect, SaysTheSameAsJson) {
  const TempFolder folder;
  save_pth(folder / "mae.pth", drawn_weights<MaskedAutoencoder>(tiny_mae()));
  const Json report = Json::parse(inspected(folder / "mae.pth", true, true));
  EXPECT_EQ(report["what"], "MAE ViT/4 (width 24, depth 2) with decoder");
  EXPECT_EQ(report["container"], "pth");
  EXPECT_EQ(report["wrappers"].dump(), R"(["model"])");
  EXPECT_EQ(report["sizes"]["image_size"], 16);
  EXPECT_EQ(report["types"].size(), 1u);
  EXPECT_EQ(report["keys"].size(), report["tensors"].get<size_t>());
  const std::string text = inspected(folder / "mae.pth", false, true);
  expect_holds(text, "weights under         model");
  expect_holds(text, "blocks.0.attn.qkv.weight  fp32  [72, 24]");
}

TEST(WeightsInspect, UnknownFilesAreNoError) {
  const TempFolder folder;
  save_safetensors(folder / "x.safetensors", {{"stem.we\nird", torch::zeros({2})}, {"stem.b", torch::zeros({2})}});
  const std::string text = inspected(folder / "x.safetensors", false, true);
  expect_holds(text, "unknown");
  expect_holds(text, "stem (2)");
  expect_holds(text, "stem.we?ird");   // nothing of a stranger's file drives the terminal
  expect_error(ExitCode::kUsage, "none.pth", [&] { inspected(folder / "none.pth"); });
}

TEST(WeightsConvert, ContainersGoByTheEndingAndKeepEveryBit) {
  const TempFolder folder;
  const TensorMap tuned = drawn_weights<VisionTransformer>(tiny_vit());
  const std::map<std::string, std::string> metadata = {{"format", "pt"}, {"defound.classes", "[]"}};
  save_safetensors(folder / "best.safetensors", tuned, metadata);
  expect_holds(convert(folder / "best.safetensors", "retfound", folder / "best.pth"), "5 classes");
  const WeightsFile pth = read_weights(folder / "best.pth");
  EXPECT_EQ(pth.container, "pth");
  EXPECT_EQ(pth.wrappers, std::vector<std::string>{"model"});
  convert(folder / "best.pth", "timm", folder / "again.safetensors");
  convert(folder / "best.safetensors", "timm", folder / "same.safetensors");
  for (const char* name : {"best.pth", "again.safetensors", "same.safetensors"}) EXPECT_TRUE(compared(folder / "best.safetensors", folder / name).equal) << name;
  EXPECT_EQ(read_weights(folder / "same.safetensors").metadata, metadata);
  convert(folder / "best.safetensors", "timm", folder / "other.safetensors", [](auto& c) { c.num_classes = 3; });
  EXPECT_EQ(read_weights(folder / "other.safetensors").metadata.count("defound.classes"), 0u);   // they would be wrong now
}

TEST(WeightsConvert, OverwritesOnlyWhenAsked) {
  const TempFolder folder;
  save_safetensors(folder / "a.safetensors", drawn_weights<VisionTransformer>(tiny_vit()));
  folder.write("there.pth", "kept");
  expect_error(ExitCode::kUsage, "--overwrite", [&] { convert(folder / "a.safetensors", "timm", folder / "there.pth"); });
  EXPECT_EQ(read_text(folder / "there.pth"), "kept");
  convert(folder / "a.safetensors", "timm", folder / "there.pth", [](auto& c) { c.overwrite = true; });
  EXPECT_TRUE(compared(folder / "a.safetensors", folder / "there.pth").equal);
  expect_error(ExitCode::kUsage, "is the file that is read", [&] { convert(folder / "a.safetensors", "timm", folder / "a.safetensors", [](auto& c) { c.overwrite = true; }); });
  expect_error(ExitCode::kUsage, ".safetensors or .pth", [&] { convert(folder / "a.safetensors", "timm", folder / "a.bin"); });
  expect_error(ExitCode::kUsage, "contradict", [&] { convert(folder / "a.safetensors", "timm", folder / "b.pth", [](auto& c) { c.drop_head = true, c.num_classes = 2; }); });
  expect_error(ExitCode::kUsage, "--to diffusers takes", [&] { convert(folder / "a.safetensors", "diffusers", folder / "b.pth"); });
  EXPECT_FALSE(fs::exists(folder / "b.pth"));
}

TEST(WeightsConvert, OldAutoencodersGetTheirNewNames) {
  const TempFolder folder;
  const TensorMap old = {{"encoder.conv_in.weight", torch::ones({4, 3, 3, 3})}, {"decoder.conv_in.weight", torch::ones({4, 4, 3, 3})},
                         {"encoder.down_blocks.0.resnets.0.conv1.weight", torch::ones({4, 4, 3, 3})}, {"encoder.mid_block.attentions.0.query.weight", torch::ones({4, 4})}};
  save_safetensors(folder / "old.safetensors", old);
  convert(folder / "old.safetensors", "diffusers", folder / "new.safetensors");
  EXPECT_TRUE(read_weights(folder / "new.safetensors").tensors.contains("encoder.mid_block.attentions.0.to_q.weight"));
  EXPECT_FALSE(compared(folder / "old.safetensors", folder / "new.safetensors").equal);
  EXPECT_TRUE(compared(folder / "old.safetensors", folder / "new.safetensors", [](auto& c) { c.map = true; }).equal);
}

TEST(WeightsConvert, AnOriginalStableDiffusionBecomesAFolder) {
  const TempFolder folder;
  save_safetensors(folder / "sd.safetensors", testing::save_both_ways(folder / "expected"));
  expect_holds(inspected(folder / "sd.safetensors"), "original SD checkpoint, one file");
  expect_error(ExitCode::kUsage, "tokenizer", [&] { convert(folder / "sd.safetensors", "diffusers", folder / "sd"); });
  EXPECT_FALSE(fs::exists(folder / "sd"));
  fs::copy(folder / "expected" / "tokenizer", folder / "tokenizer");
  convert(folder / "sd.safetensors", "diffusers", folder / "sd");
  for (const char* part : {"unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"})
    EXPECT_TRUE(compared(folder / "expected" / part, folder / "sd" / part).equal) << part;
  expect_error(ExitCode::kUsage, "--overwrite", [&] { convert(folder / "sd.safetensors", "diffusers", folder / "sd"); });
}

TEST(WeightsDiff, FindsEveryKindOfDifference) {
  const TempFolder folder;
  const TensorMap a = {{"same", torch::arange(5.0)}, {"value", torch::tensor({1.0F, 2.0F, 4.0F})}, {"shape", torch::zeros({2, 3})},
                       {"type", torch::ones({2})}, {"only_a", torch::zeros({1})}};
  const TensorMap b = {{"same", torch::arange(5.0)}, {"value", torch::tensor({1.0F, 2.5F, 4.0F})}, {"shape", torch::zeros({3, 2})},
                       {"type", torch::ones({2}, torch::kFloat64)}, {"only_b", torch::zeros({1})}};
  save_safetensors(folder / "a.safetensors", a), save_safetensors(folder / "b.safetensors", b);
  const WeightsDiff found = compared(folder / "a.safetensors", folder / "b.safetensors");
  EXPECT_FALSE(found.equal);
  expect_holds(found.text, "shape: [2, 3] and [3, 2]");
  expect_holds(found.text, "type: fp32 and fp64");
  expect_holds(found.text, "different: 1 names only in A, 1 only in B, 1 of another shape, 1 of another type, 1 of 3 with other values (at most 0.5, value)\n");
  const Json json = Json::parse(compared(folder / "a.safetensors", folder / "b.safetensors", [](auto& c) { c.json = true; }).text);
  EXPECT_EQ(json["values"][0].dump(), R"({"name":"value","largest":0.5,"relative":0.2,"values":1})");
  EXPECT_EQ(json["only_in_a"].dump(), R"(["only_a"])");
}

TEST(WeightsDiff, ToleranceIsAbsoluteAndZeroMeansBits) {
  const TempFolder folder;
  const auto save = [&](const char* name, const std::vector<float>& values) { save_safetensors(folder / name, {{"x", torch::tensor(values)}}); };
  const auto equal = [&](double tolerance) { return compared(folder / "a.safetensors", folder / "b.safetensors", [&](auto& c) { c.tolerance = tolerance; }).equal; };
  save("a.safetensors", {1, 2, NAN}), save("b.safetensors", {1, 2, NAN});
  EXPECT_TRUE(equal(0));
  save("b.safetensors", {1, 2.25F, NAN});
  EXPECT_FALSE(equal(0.2));
  EXPECT_TRUE(equal(0.25));
  save("b.safetensors", {1, 2, 3});
  EXPECT_FALSE(equal(1e30));   // a NaN equals no number
  save("a.safetensors", {0, INFINITY}), save("b.safetensors", {-0.0F, INFINITY});
  EXPECT_FALSE(equal(0));
  EXPECT_TRUE(equal(1e-300));
  save("b.safetensors", {0, -INFINITY});
  EXPECT_FALSE(equal(1e30));
}

TEST(WeightsDiff, MapsNamesOnlyWhenAsked) {
  const TempFolder folder;
  const TensorMap mae = drawn_weights<MaskedAutoencoder>(tiny_mae());
  save_safetensors(folder / "a.safetensors", mae), save_safetensors(folder / "b.safetensors", testing::with_prefix(mae, "module."));
  EXPECT_FALSE(compared(folder / "a.safetensors", folder / "b.safetensors").equal);
  EXPECT_TRUE(compared(folder / "a.safetensors", folder / "b.safetensors", [](auto& c) { c.map = true; }).equal);
}

TEST(WeightsCommand, ExitCodesAreForScripts) {
  const TempFolder folder;
  save_safetensors(folder / "a.safetensors", {{"x", torch::ones({2})}}), save_safetensors(folder / "b.safetensors", {{"x", torch::zeros({2})}});
  const std::string at = "cd " + folder.path().string() + " && defound-weights ";
  EXPECT_EQ(testing::run_command(at + "diff a.safetensors a.safetensors").exit_code, 0);
  EXPECT_EQ(testing::run_command(at + "diff a.safetensors b.safetensors").exit_code, 1);
  EXPECT_EQ(testing::run_command(at + "diff a.safetensors b.safetensors --tolerance 1").exit_code, 0);
  EXPECT_EQ(testing::run_command(at + "diff a.safetensors none.pth").exit_code, 2);
  EXPECT_EQ(testing::run_command(at + "diff a.safetensors").exit_code, 2);
  EXPECT_EQ(testing::run_command(at + "inspect --file a.safetensors").exit_code, 0);
  expect_holds(testing::run_command(at + "inspect a.safetensors").output, "unknown");
  const auto refused = testing::run_command(at + "convert --to timm a.safetensors --output c.pth");
  EXPECT_EQ(refused.exit_code, 2);
  expect_holds(refused.output, "no vision transformer");
  expect_holds(testing::run_command(at + "inspect a.safetensors b.safetensors").output, "unknown argument 'b.safetensors'");
}

}  // namespace
}  // namespace defound
