#include "defound/nn/patches.h"

#include <gtest/gtest.h>

#include "../support/expect_error.h"

namespace defound {
namespace {

TEST(Patches, UnpatchifyUndoesPatchifyAndOrderIsRowsThenChannels) {
  const torch::Tensor images = torch::arange(2 * 3 * 8 * 12).reshape({2, 3, 8, 12});
  const torch::Tensor patches = patchify(images, 4);
  ASSERT_EQ(patches.sizes(), (std::vector<int64_t>{2, 6, 48}));
  EXPECT_TRUE(unpatchify(patches, 4, 8).equal(images));
  // patch 4 is in the second row, second column; value 3*(4*1+2)+1 is row 1, column 2, channel 1
  EXPECT_EQ(patches[1][4][19].item<int64_t>(), images[1][1][5][6].item<int64_t>());
}

TEST(Patches, RefuseSizesThatDoNotDivide) {
  testing::expect_error(ExitCode::kFailed, "no multiple", [] { patchify(torch::zeros({1, 3, 8, 9}), 4); });
  testing::expect_error(ExitCode::kFailed, "do not make an image", [] { unpatchify(torch::zeros({1, 5, 48}), 4, 8); });
}

}  // namespace
}  // namespace defound
