#include "defound/train/optimizer.h"

#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adamw.h>
#include <gtest/gtest.h>

#include "defound/train/gradients.h"
#include "defound/train/loss_scale.h"
#include "defound/train/master_weights.h"
#include "support/temp_folder.h"
#include "train/made_up_task.h"

namespace defound {
namespace {

using testing::MadeUpNet;
using testing::MadeUpTask;

std::vector<torch::Tensor> made_up_gradients(const std::vector<torch::Tensor>& params, int64_t step) {
  std::vector<torch::Tensor> gradients;
  for (size_t i = 0; i < params.size(); ++i) {
    const Draws draws(static_cast<uint64_t>(step), "gradient");
    const uint64_t id = i;
    gradients.push_back(random_normal(draws, {&id, 1}, params[i].sizes()).squeeze(0) * 0.1);
  }
  return gradients;
}

TEST(AdamW, EqualsTorchOptim) {
  MadeUpNet net, reference;
  auto groups = weight_decay_groups(net, 0.05);
  for (auto& group : groups) group.lr_scale = group.weight_decay > 0 ? 0.5 : 1.0;
  const MasterWeights weights(net, groups, torch::kCPU, torch::kFloat32);
  AdamW optimizer(groups, weights.masters(), {0.9, 0.95});

  std::vector<torch::optim::OptimizerParamGroup> reference_groups;
  std::vector<torch::Tensor> reference_params;
  for (auto& group : weight_decay_groups(reference, 0.05)) {
    auto options = std::make_unique<torch::optim::AdamWOptions>();
    options->betas({0.9, 0.95}).weight_decay(group.weight_decay);
    reference_groups.emplace_back(group.params, std::move(options));
    reference_params.insert(reference_params.end(), group.params.begin(), group.params.end());
  }
  torch::optim::AdamW torch_adamw(reference_groups);

  for (int64_t step = 0; step < 50; ++step) {
    const auto gradients = made_up_gradients(weights.masters(), step);
    const double rate = 1e-2 * static_cast<double>(50 - step) / 50;
    optimizer.step(gradients, rate, torch::zeros({}));
    for (size_t i = 0; i < reference_params.size(); ++i) reference_params[i].mutable_grad() = gradients[i].clone();
    for (auto& group : torch_adamw.param_groups()) {
      auto& options = static_cast<torch::optim::AdamWOptions&>(group.options());
      options.lr(options.weight_decay() > 0 ? 0.5 * rate : rate);
    }
    torch_adamw.step();
  }
  for (size_t i = 0; i < reference_params.size(); ++i)
    EXPECT_LT((weights.masters()[i] - reference_params[i]).abs().max().item<double>(), 1e-6) << weights.names()[i];
}

TEST(AdamW, SkippedStepsChangeNothing) {
  MadeUpNet net;
  const auto groups = weight_decay_groups(net, 0.05);
  const MasterWeights weights(net, groups, torch::kCPU, torch::kFloat32);
  AdamW optimizer(groups, weights.masters(), {});
  optimizer.step(made_up_gradients(weights.masters(), 0), 0.1, torch::zeros({}));
  TensorMap before, after;
  optimizer.save(before), weights.save(before);
  for (auto& [name, tensor] : before) tensor = tensor.clone();
  auto gradients = made_up_gradients(weights.masters(), 1);
  gradients[0].fill_(std::numeric_limits<float>::quiet_NaN());
  optimizer.step(gradients, 0.1, torch::ones({}));
  optimizer.save(after), weights.save(after);
  for (const auto& [name, tensor] : before) EXPECT_TRUE(torch::equal(tensor, after.at(name))) << name;
}

TEST(AdamW, ParametersWithoutGradientAreLeftAlone) {
  MadeUpNet net;
  const auto groups = weight_decay_groups(net, 0.5);
  const MasterWeights weights(net, groups, torch::kCPU, torch::kFloat32);
  AdamW optimizer(groups, weights.masters(), {});
  auto gradients = made_up_gradients(weights.masters(), 0);
  gradients[1].reset();
  const auto first = weights.masters()[0].clone(), second = weights.masters()[1].clone();
  optimizer.step(gradients, 0.1, torch::zeros({}));
  EXPECT_FALSE(torch::equal(weights.masters()[0], first));
  EXPECT_TRUE(torch::equal(weights.masters()[1], second));
}

TEST(Gradients, ClipAsTorchDoes) {
  MadeUpNet net;
  const auto groups = weight_decay_groups(net, 0);
  const MasterWeights weights(net, groups, torch::kCPU, torch::kFloat32);
  for (const double most : {0.01, 100.0}) {
    const auto values = made_up_gradients(weights.masters(), 3);
    for (size_t i = 0; i < values.size(); ++i) weights.params()[i].mutable_grad() = values[i].clone();
    const double norm = torch::nn::utils::clip_grad_norm_(weights.params(), most);
    std::vector<torch::Tensor> expected;
    for (const auto& param : weights.params()) expected.push_back(param.grad().clone());
    for (size_t i = 0; i < values.size(); ++i) weights.params()[i].mutable_grad() = values[i].clone();
    Group alone;
    Gradients gradients(weights, alone);
    EXPECT_NEAR(gradients.norm().item<double>(), norm, 1e-6 * norm);
    gradients.scale(clip_factor(gradients.norm(), most));
    for (size_t i = 0; i < values.size(); ++i) EXPECT_TRUE(torch::allclose(gradients.sums()[i], expected[i], 1e-5, 1e-9));
  }
}

TEST(MasterWeights, CastOnceAndKeptInFp32) {
  MadeUpNet net;
  const torch::Tensor weight = net.fc1->weight.detach().clone(), frozen = net.frozen.clone();
  const auto groups = weight_decay_groups(net, 0.05);
  MasterWeights weights(net, groups, torch::kCPU, torch::kBFloat16);
  EXPECT_EQ(net.fc1->weight.scalar_type(), torch::kBFloat16);
  EXPECT_EQ(net.frozen.scalar_type(), torch::kBFloat16);
  EXPECT_EQ(net.shift.scalar_type(), torch::kFloat32);  // a buffer stays as it is
  const TensorMap product = weights.product(weights.masters());
  EXPECT_TRUE(torch::equal(product.at("fc1.weight"), weight));
  EXPECT_TRUE(torch::equal(product.at("frozen"), frozen));
  // a change far below bf16's resolution is kept, and shows once enough of them have come together
  const torch::Tensor before = net.fc1->bias.detach().clone();
  for (int i = 0; i < 1000; ++i) {
    for (const auto& master : weights.masters()) master.add_(1e-4);
    weights.copy_to_model();
  }
  EXPECT_LT((net.fc1->bias.detach().to(torch::kFloat32) - before.to(torch::kFloat32) - 0.1).abs().max().item<double>(), 2e-3);
}

TEST(MasterWeights, EveryTrainableParameterNeedsOneGroup) {
  MadeUpNet net;
  auto groups = weight_decay_groups(net, 0.05);
  auto twice = groups;
  twice.push_back(groups[0]);
  EXPECT_THROW(MasterWeights(net, twice, torch::kCPU, torch::kFloat32), Error);
  groups.pop_back();
  EXPECT_THROW(MasterWeights(net, groups, torch::kCPU, torch::kFloat32), Error);
}

TEST(MasterWeights, Bf16TrainingLearns) {
  const testing::TempFolder folder;
  MadeUpTask task;
  LoopOptions options = testing::made_up_options();
  options.precision = torch::kBFloat16;
  options.train.epochs = 20;
  ASSERT_EQ(train_made_up(task, options, folder / "run"), ExitCode::kDone);
  const auto rows = read_metrics(folder / "run/metrics.jsonl");
  const auto value = [](const MetricsRow& row, const std::string& name) {
    for (const auto& [key, number] : row.values) if (key == name) return number;
    return -1.0;
  };
  EXPECT_GT(value(rows.back(), "val_accuracy"), 0.9);
  const torch::Tensor product = load_safetensors(folder / "run/last.safetensors").tensors.at("fc1.weight");
  EXPECT_EQ(product.scalar_type(), torch::kFloat32);
  EXPECT_FALSE(torch::equal(product, product.to(torch::kBFloat16).to(torch::kFloat32)));
}

TEST(LossScale, HalvesOnOverflowAndGrowsAfterGoodSteps) {
  LossScale scale(true, torch::kCPU);
  EXPECT_EQ(scale.apply(torch::ones({})).item<double>(), 65536.0);
  scale.update(torch::ones({}));
  EXPECT_EQ(scale.inverse().item<double>(), 1.0 / 32768);
  for (int i = 0; i < 2000; ++i) scale.update(torch::zeros({}));
  EXPECT_EQ(scale.inverse().item<double>(), 1.0 / 65536);
  EXPECT_FALSE(LossScale(false, torch::kCPU).inverse().defined());
}

TEST(LossScale, OverflowUnderALargeScaleIsNoFailure) {
  const testing::TempFolder folder;
  MadeUpTask task;
  task.factor = 64;  // gradients times 65,536 overflow fp16 at first
  LoopOptions options = testing::made_up_options();
  options.precision = torch::kFloat16;
  options.train.epochs = 10;
  ASSERT_EQ(train_made_up(task, options, folder / "run"), ExitCode::kDone);
  const auto rows = read_metrics(folder / "run/metrics.jsonl");
  EXPECT_TRUE(std::isnan(rows.front().values.at(1).second));  // the first steps find the scale
  EXPECT_LT(rows[rows.size() - 2].values.at(1).second, 64 * 0.9);
}

}  // namespace
}  // namespace defound
