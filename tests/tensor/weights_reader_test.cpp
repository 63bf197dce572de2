#include "defound/tensor/weights_reader.h"

#include <gtest/gtest.h>

#include <fstream>
#include <tuple>

#include "../support/expect_error.h"
#include "../support/temp_folder.h"
#include "defound/core/random.h"

namespace defound {
namespace {

using testing::expect_error;
using testing::TempFolder;
using Names = std::vector<std::string>;

fs::path weights_golden(const std::string& name) { return fs::path(DEFOUND_GOLDENS) / "pth" / name; }

bool same(const TensorMap& a, const TensorMap& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.scalar_type() == y.second.scalar_type() && x.second.sizes() == y.second.sizes() &&
           x.second.contiguous().view(-1).view(torch::kUInt8).equal(y.second.contiguous().view(-1).view(torch::kUInt8));
  });
}

TEST(ReadWeights, TakesTheUsualWrappingsOff) {
  const std::vector<std::tuple<std::string, Names>> cases = {
      {"mae.pth", {"model"}}, {"bare.pth", {}}, {"ddp.pth", {"model_state", "module."}}, {"dinov2.pth", {"teacher", "backbone."}},
      {"lightning.ckpt", {"state_dict", "model."}}, {"unknown.pth", {"state_dict"}}, {"without_checksums.pth", {"model"}}};
  for (const auto& [name, wrappers] : cases) {
    SCOPED_TRACE(name);
    const WeightsFile weights = read_weights(weights_golden(name));
    EXPECT_EQ(weights.container, "pth");
    EXPECT_EQ(weights.wrappers, wrappers);
    EXPECT_TRUE(same(weights.tensors, load_safetensors(weights_golden(name).replace_extension(".safetensors")).tensors));
  }
}

TEST(ReadWeights, TellsWhatElseIsThere) {
  const WeightsFile mae = read_weights(weights_golden("mae.pth"));
  EXPECT_EQ(mae.other, (Names{"optimizer", "epoch", "scaler", "args"}));
  EXPECT_EQ(mae.metadata.at("epoch"), "3");
  EXPECT_EQ(mae.metadata.at("args.mask_ratio"), "0.75");
  EXPECT_EQ(mae.metadata.at("args.norm_pix_loss"), "true");
  EXPECT_EQ(mae.metadata.at("args.model"), "mae_vit_tiny");
  EXPECT_EQ(mae.metadata.at("scaler.scale"), "65536");
  EXPECT_EQ(read_weights(weights_golden("dinov2.pth")).other, Names{"teacher.dino_head"});
  EXPECT_EQ(read_weights(weights_golden("lightning.ckpt")).metadata.at("hyper_parameters.lr"), "0.001");
}

TEST(ReadWeights, ContentDecidesNotTheName) {
  const TempFolder folder;
  fs::copy_file(weights_golden("mae.pth"), folder / "a.safetensors");
  fs::copy_file(weights_golden("mae.safetensors"), folder / "b.pth");
  EXPECT_EQ(read_weights(folder / "a.safetensors").container, "pth");
  EXPECT_EQ(read_weights(folder / "b.pth").container, "safetensors");
  EXPECT_TRUE(same(read_weights(folder / "a.safetensors").tensors, read_weights(folder / "b.pth").tensors));
}

TEST(ReadWeights, NamesWhatItCannotRead) {
  const TempFolder folder;
  const std::vector<std::tuple<fs::path, std::string>> cases = {
      {weights_golden("legacy.pth"), "before PyTorch 1.6"}, {weights_golden("legacy_tar.pth"), "tar archive"}, {weights_golden("script.pt"), "TorchScript"},
      {weights_golden("tensor.pth"), "holds a tensor, not weights by name"}, {weights_golden("sparse.pth"), "'sparse' is a torch._utils._rebuild_sparse_tensor"},
      {weights_golden("values-4.pkl"), "bare pickle"}, {folder.write("lfs", "version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"},
      {folder.write("page", "<!DOCTYPE html>"), "web page"}, {folder.write("gz", "\x1F\x8B\x08"), "gzip"}, {folder.write("empty", ""), "it is empty"},
      {folder.write("cut.safetensors", "abc"), "too few"}, {folder.write("noise", "0123456789abcdef"), "none of them"}, {folder / "absent", "does not exist"},
      {folder.path(), "a folder without"}, {folder.write("index.json", "{}"), "weight_map"}};
  for (const auto& [path, part] : cases) expect_error(ExitCode::kUsage, part, [&, path = path] { read_weights(path); });
  save_safetensors(folder / "none.safetensors", {});
  expect_error(ExitCode::kUsage, "holds no tensors", [&] { read_weights(folder / "none.safetensors"); });
}

/// The right tensors or an error that says whose fault it is: nothing else may come of a damaged file.
class DamagedFile {
 public:
  explicit DamagedFile(const std::string& name, bool has_checksums = true)
      : has_checksums_(has_checksums), good_(read_text(weights_golden(name))), path_(folder_ / name), expected_(read_weights(weights_golden(name)).tensors) {}

  void expect_named(const std::string& bytes, const std::string& what) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
    try {
      const TensorMap found = read_weights(path_).tensors;
      EXPECT_TRUE(!has_checksums_ || same(found, expected_)) << what;
      ++read_;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kUsage) << what << ": " << error.what();
      ++rejected_;
    }
  }

  bool has_checksums_;
  std::string good_;
  TempFolder folder_;
  fs::path path_;
  TensorMap expected_;
  int read_ = 0, rejected_ = 0;
};

TEST(ReadWeights, CutFilesAreRejected) {
  for (const char* name : {"mae.pth", "bare.pth", "ddp.pth", "dinov2.pth", "lightning.ckpt", "unknown.pth", "types.pth", "views.pth", "parameters.pth",
                           "without_checksums.pth", "mae.safetensors"}) {
    DamagedFile file(name);
    for (size_t percent = 0; percent < 100; ++percent) file.expect_named(file.good_.substr(0, file.good_.size() * percent / 100), fmt::format("{} cut at {} %", name, percent));
    EXPECT_EQ(file.rejected_, 100) << name;
  }
}

TEST(ReadWeights, ChangedBytesAreFoundOrDoNotMatter) {
  RandomStream random = Draws(1, "damaged weights").stream(0);
  for (const char* name : {"mae.pth", "bare.pth", "ddp.pth", "dinov2.pth", "lightning.ckpt", "unknown.pth", "types.pth", "views.pth", "parameters.pth", "without_checksums.pth"}) {
    DamagedFile file(name, /*has_checksums=*/std::string(name) != "without_checksums.pth");
    for (size_t at = random.below(7); at < file.good_.size(); at += 1 + random.below(13)) {
      std::string bytes = file.good_;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 + random.below(255)));
      file.expect_named(bytes, fmt::format("{} changed at byte {}", name, at));
    }
    EXPECT_GT(file.rejected_, 10) << name;
    EXPECT_GT(file.read_, 10) << name;  // padding, times, descriptors
  }
}

}  // namespace
}  // namespace defound
