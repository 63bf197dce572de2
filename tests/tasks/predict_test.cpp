#include "defound/tasks/predict.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "defound/data/dataset.h"
#include "defound/models/vit.h"
#include "defound/tensor/random_tensor.h"

namespace defound {
namespace {

/// Sample i is a picture of its own with the label i mod 3; every tenth has none.
struct Numbered : Dataset {
  explicit Numbered(int64_t count) : count(count) {}
  int64_t size() const override { return count; }
  Sample get(int64_t index, const Draws&, uint64_t) const override {
    const std::vector<uint64_t> ids{static_cast<uint64_t>(index)};
    return {random_normal(Draws(1, "picture"), ids, {3, 16, 16})[0], index % 10 == 9 ? -1 : index % 3, ""};
  }
  int64_t count;
};

VitConfig tiny() {
  VitConfig config;
  config.img_size = 16, config.patch_size = 8, config.embed_dim = 8, config.depth = 2, config.num_heads = 2, config.num_classes = 3;
  config.drop_path_rate = 0.5;
  return config;
}

struct Made {
  Made() : model(tiny()) {
    model.init_weights(Draws(3, "init"));
    const torch::NoGradGuard no_grad;
    model.head->weight.mul_(1e5);
  }
  VisionTransformer model;
};

TEST(Predict, EachSampleOnceInOrderWithTheShortLastBatch) {
  Made made;
  const Numbered dataset(11);
  for (const int64_t batch_size : {1, 4, 11, 64}) {
    const Predictions predictions = predict(made.model, dataset, batch_size, torch::kCPU, batch_size % 3);
    ASSERT_EQ(predictions.size(), 11) << batch_size;
    for (int64_t n = 0; n < 11; ++n) {
      const Sample sample = dataset.get(n, Draws(0, ""), 0);
      const torch::Tensor expected = made.model.forward(sample.image.unsqueeze(0)).to(torch::kDouble).softmax(1)[0];
      EXPECT_EQ(predictions.labels[static_cast<size_t>(n)], sample.label);
      for (int64_t c = 0; c < 3; ++c) EXPECT_NEAR(predictions.probability(n, c), expected[c].item<double>(), 1e-6);
    }
  }
}

TEST(Predict, LeavesNoGradientsAndTheModeAsItWas) {
  Made made;
  made.model.train();
  predict(made.model, Numbered(3), 2, torch::kCPU);
  EXPECT_TRUE(made.model.is_training());
  for (const auto& parameter : made.model.parameters()) EXPECT_FALSE(parameter.grad().defined());
}

TEST(Predict, ComputesInTheModelsNumberType) {
  Made made;
  const Predictions fp32 = predict(made.model, Numbered(6), 3, torch::kCPU);
  made.model.to(torch::kBFloat16);
  const Predictions bf16 = predict(made.model, Numbered(6), 3, torch::kCPU);
  EXPECT_NE(fp32.probabilities, bf16.probabilities);
  for (size_t i = 0; i < fp32.probabilities.size(); ++i) EXPECT_NEAR(fp32.probabilities[i], bf16.probabilities[i], 0.05);
}

TEST(Predict, NothingGivesNothing) {
  Made made;
  EXPECT_EQ(predict(made.model, Numbered(0), 4, torch::kCPU).size(), 0);
}

}  // namespace
}  // namespace defound
