#include <gtest/gtest.h>

#include "defound/config/json.h"
#include "defound/image/image_io.h"
#include "defound/nn/patches.h"
#include "defound/tensor/npy.h"
#include "defound/tensor/random_tensor.h"
#include "support/command.h"
#include "support/made_up_mae.h"
#include "support/tensors.h"

namespace defound {
namespace {

using testing::MadeUpMae;
using testing::relative_error;
using testing::run_command;

TEST(ExplainReconstruct, WritesWhatTheModelPredicts) {
  const MadeUpMae made;
  const auto result = run_command(made.line("explain reconstruct", "--count 6 --mask_ratio 0.5 --seed 3 --batch_size 4"));
  ASSERT_EQ(result.exit_code, 0) << result.output;
  const torch::Tensor images = load_npy(made.output / "images.npy"), mask = load_npy(made.output / "mask.npy"), prediction = load_npy(made.output / "prediction.npy");
  ASSERT_EQ(images.sizes(), (std::vector<int64_t>{6, 3, 16, 16}));
  ASSERT_EQ(prediction.sizes(), images.sizes());
  EXPECT_TRUE(torch::equal(mask.sum(1, false, torch::kInt64), torch::full({6}, 8, torch::kInt64)));

  const torch::NoGradGuard no_grad;
  const torch::Tensor mean = torch::tensor({0.485F, 0.456F, 0.406F}).view({1, 3, 1, 1}), deviation = torch::tensor({0.229F, 0.224F, 0.225F}).view({1, 3, 1, 1});
  const torch::Tensor inputs = (images - mean) / deviation;
  std::vector<uint64_t> ids;
  for (int64_t i = 0; i < 6; ++i) ids.push_back(sample_id(0, i));
  const MaeOutput expected = made.model()->forward(inputs, random_uniform(Draws(3, "mask"), ids, {16}), 0.5);
  EXPECT_TRUE(torch::equal(mask, expected.mask.to(torch::kUInt8)));
  const Json metrics = parse_json(read_text(made.output / "metrics.json"), "metrics.json");
  EXPECT_NEAR(metrics["loss"].get<double>(), expected.loss.item<double>(), 1e-5);
  ASSERT_EQ(metrics["images"].size(), 6u);
  EXPECT_NEAR(metrics["images"][5]["loss"].get<double>(), expected.loss_per_image[5].item<double>(), 1e-5);
  EXPECT_NE(metrics["images"][1]["path"].get<std::string>().find("04.png"), std::string::npos);   // evenly spaced over 24

  // Each patch has the mean and deviation of the true one back.
  const torch::Tensor truth = patchify(inputs, 4), own = expected.prediction * (truth.var(-1, true, true) + 1e-6).sqrt() + truth.mean(-1, true);
  EXPECT_LT(relative_error((prediction - mean) / deviation, unpatchify(own, 4, 16)), 1e-5);
  const Image picture = decode_image(read_text(made.output / "reconstruction.png"), "reconstruction.png");
  EXPECT_GT(picture.width, 8 * 16);   // two images a row, four pictures each
  EXPECT_NE(read_text(made.output / "report.html").find("data:image/png;base64,"), std::string::npos);
  EXPECT_TRUE(fs::exists(made.output / "DONE"));
}

TEST(ExplainReconstruct, AMaskDependsOnSeedAndImageOnly) {
  const MadeUpMae made;
  const auto masks = [&](const std::string& options) {
    fs::remove_all(made.output);
    const auto result = run_command(made.line("explain reconstruct", options));
    EXPECT_EQ(result.exit_code, 0) << result.output;
    return load_npy(made.output / "mask.npy");
  };
  const torch::Tensor first = masks("--count 24 --batch_size 24 --seed 1");
  EXPECT_TRUE(torch::equal(masks("--count 24 --batch_size 5 --seed 1"), first));
  EXPECT_TRUE(torch::equal(masks("--count 12 --seed 1"), first.slice(0, 0, 12)));
  EXPECT_FALSE(torch::equal(masks("--count 24 --seed 2"), first));
}

TEST(ExplainReconstruct, MistakesAreNamed) {
  const MadeUpMae made;
  const auto expect = [&](const std::string& model, const std::string& options, const std::string& words) {
    const auto result = run_command("defound-explain reconstruct --model " + model + " --data " + made.manifest() + " --output " + made.output.string() + " " + options);
    EXPECT_EQ(result.exit_code, 2) << options;
    EXPECT_NE(result.output.find(words), std::string::npos) << result.output;
    EXPECT_FALSE(fs::exists(made.output));
  };
  const std::string mae = (made.run / "mae.safetensors").string();
  expect((made.run / "encoder.safetensors").string(), "", "no decoder");
  expect(mae, "--arch mae_vit_large_patch16", "leave --arch out");
  expect(mae, "--mask_ratio 1", "mask_ratio");
  expect(mae, "--count 0", "count");
  Safetensors bare = load_safetensors(mae);
  save_safetensors(mae, bare.tensors);
  expect(mae, "", "width 16 and depth 1");
  expect(mae, "--arch mae_vit_base_patch16", "do not fit");
}

}  // namespace
}  // namespace defound
