#include "defound/tensor/weight_shards.h"

#include <gtest/gtest.h>

#include <tuple>

#include "../support/expect_error.h"
#include "../support/temp_folder.h"
#include "defound/tensor/pth.h"

namespace defound {
namespace {

using testing::expect_error;
using testing::TempFolder;

struct Shards {
  TempFolder folder;
  fs::path index = folder / "model.safetensors.index.json";
  Shards() {
    save_safetensors(folder / "model-1.safetensors", {{"a", torch::ones({2})}, {"b", torch::zeros({3})}}, {{"format", "pt"}});
    save_safetensors(folder / "model-2.safetensors", {{"c", torch::full({1}, 5.0)}}, {{"format", "pt"}});
    name(R"("a": "model-1.safetensors", "b": "model-1.safetensors", "c": "model-2.safetensors")");
  }
  void name(const std::string& map) const { folder.write("model.safetensors.index.json", R"({"metadata": {"total_size": 24}, "weight_map": {)" + map + "}}"); }
};

TEST(WeightShards, AreOneSetOfWeights) {
  const Shards shards;
  for (const fs::path& path : {shards.index, shards.folder.path()}) {
    const WeightsFile weights = read_weights(path);
    EXPECT_EQ(weights.container, "safetensors shards");
    EXPECT_EQ(weights.tensors.size(), 3u);
    EXPECT_TRUE(weights.tensors.at("c").equal(torch::full({1}, 5.0)));
    EXPECT_EQ(weights.metadata.at("format"), "pt");
  }
}

TEST(WeightShards, EveryTensorIsNamedOnceAndLiesBesideTheIndex) {
  const Shards shards;
  const std::string ab = R"("a": "model-1.safetensors", "b": "model-1.safetensors")";
  const std::vector<std::tuple<std::string, std::string>> cases = {
      {ab + R"(, "c": "../model-2.safetensors")", "only the name of a file beside the index"},
      {ab + R"(, "c": "/model-2.safetensors")", "only the name"},
      {ab + R"(, "c": "a\\b")", "only the name"},
      {ab + R"(, "c": "..")", "only the name"},
      {ab + R"(, "c": "")", "only the name"},
      {ab + R"(, "c": 7)", "gives no file for 'c'"},
      {ab + R"(, "c": "model-2.safetensors", "d": "model-2.safetensors")", "'d' is in model-2.safetensors, where it is not"},
      {ab + R"(, "c": "model-2.safetensors", "c": "model-1.safetensors")", "stands twice"},
      {R"("a": "model-1.safetensors", "c": "model-2.safetensors")", "holds 'b', which weight_map does not name"},
      {R"("a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model-2.safetensors")", "'b' stands in model-1.safetensors and, by weight_map, in model-2.safetensors"},
      {ab + R"(, "c": "model-3.safetensors")", "does not exist"},
      {"", "weight_map"}};
  for (const auto& [map, part] : cases) {
    shards.name(map);
    expect_error(ExitCode::kUsage, part, [&] { read_weights(shards.index); });
  }
}

TEST(WeightShards, MayBeFilesOfTorchSave) {
  const TempFolder folder;
  save_pth(folder / "pytorch_model-1.bin", {{"a", torch::ones({2})}});
  save_pth(folder / "pytorch_model-2.bin", {{"b", torch::full({1}, 5.0)}});
  const fs::path index = folder.write("pytorch_model.bin.index.json", R"({"weight_map": {"a": "pytorch_model-1.bin", "b": "pytorch_model-2.bin"}})");
  for (const fs::path& path : {index, folder.path()}) {
    const WeightsFile weights = read_weights(path);
    EXPECT_EQ(weights.container, "pth shards");
    EXPECT_EQ(weights.tensors.size(), 2u);
    EXPECT_TRUE(weights.tensors.at("b").equal(torch::full({1}, 5.0)));
  }
  folder.write("pytorch_model.bin.index.json", R"({"weight_map": {"a": "pytorch_model.bin.index.json"}})");
  expect_error(ExitCode::kUsage, "an index may name only files with weights", [&] { read_weights(index); });
}

TEST(WeightShards, SeveralIndicesAreRejected) {
  const Shards shards;
  shards.folder.write("other.safetensors.index.json", "{}");
  expect_error(ExitCode::kUsage, "several", [&] { find_shards_index(shards.folder.path()); });
}

}  // namespace
}  // namespace defound
