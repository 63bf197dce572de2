#include "defound/dist/bucketed_sum.h"

#include <gtest/gtest.h>

#include "support/group_threads.h"

namespace defound {
namespace {

using testing::message_of;
using testing::run_group;
using testing::run_whole_group;

std::vector<torch::Tensor> shapes() {
  return {torch::zeros({3}), torch::zeros({17, 5}), torch::zeros({2, 3, 4, 4}).contiguous(torch::MemoryFormat::ChannelsLast), torch::zeros({}), torch::zeros({40, 40})};
}

torch::Tensor value_of(const torch::Tensor& like, size_t index, int64_t rank) {
  return torch::arange(like.numel(), torch::kFloat32).view(like.sizes()) * 0.01 + static_cast<double>(index) + 10 * static_cast<double>(rank);
}

TEST(BucketedSum, EqualsThePlainSumForAnyBucketSizeAndOrder) {
  const auto like = shapes();
  for (const int64_t bytes : {1, 64, 512, 1 << 20})
    run_whole_group(3, [&](Group& group) {
      BucketedSum sum(group, like, torch::kFloat32, bytes);
      EXPECT_EQ(sum.buckets(), bytes == 1 ? 5U : sum.buckets());
      for (int step = 0; step < 2; ++step) {
        const std::vector<size_t> order = group.rank() == 1 ? std::vector<size_t>{0, 4, 1, 3, 2} : std::vector<size_t>{4, 3, 2, 1, 0};
        for (const size_t index : order) sum.add(index, value_of(like[index], index, group.rank()));
        const auto sums = sum.finish();
        for (size_t index = 0; index < like.size(); ++index) {
          const torch::Tensor expected = value_of(like[index], index, 0) + value_of(like[index], index, 1) + value_of(like[index], index, 2);
          EXPECT_TRUE(torch::allclose(sums[index], expected)) << index;
          EXPECT_EQ(sums[index].strides(), like[index].strides()) << index;
        }
      }
    });
}

TEST(BucketedSum, WhatNobodyBringsStaysUndefined) {
  const auto like = shapes();
  run_whole_group(2, [&](Group& group) {
    BucketedSum sum(group, like, torch::kFloat32, 512);
    for (const size_t index : {4, 2, 0}) sum.add(index, value_of(like[index], index, group.rank()));
    const auto sums = sum.finish();
    EXPECT_FALSE(sums[1].defined());
    EXPECT_FALSE(sums[3].defined());
    EXPECT_TRUE(sums[0].defined() && sums[2].defined() && sums[4].defined());
  });
}

TEST(BucketedSum, MembersThatBringDifferentTensorsAreNamed) {
  const auto like = shapes();
  const auto errors = run_group(2, [&](Group& group) {
    BucketedSum sum(group, like, torch::kFloat32);
    sum.add(group.rank() == 0 ? 0 : 1, value_of(like[group.rank() == 0 ? 0 : 1], 0, 0));
    sum.finish();
  });
  for (const auto& error : errors) EXPECT_NE(message_of(error).find("the parameters that the loss reaches of rank 1 differ"), std::string::npos) << message_of(error);
}

TEST(BucketedSum, ATensorThatComesTwiceIsAnError) {
  const auto like = shapes();
  const auto errors = run_group(2, [&](Group& group) {
    BucketedSum sum(group, like, torch::kFloat32);
    sum.add(0, like[0]);
    sum.add(0, like[0]);
  });
  EXPECT_NE(message_of(errors[0]).find("came twice"), std::string::npos);
}

}  // namespace
}  // namespace defound
