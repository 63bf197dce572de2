#include "defound/image/image_ends.h"

#include <gtest/gtest.h>

#include "defound/image/image_io.h"
#include "support/expect_error.h"
#include "support/made_images.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

TEST(ImageEnds, TellWholeFilesFromCutOnes) {
  const testing::TempFolder folder;
  const Image image = testing::made_image(1, 24, 20);
  const auto rejected = [](const fs::path& file, const std::string& words) { testing::expect_error(ExitCode::kUsage, words, [&] { check_image_ends(file); }); };
  for (const auto& [name, bytes] : {std::pair<std::string, std::string>("whole.png", encode_png(image)), {"whole.jpg", encode_jpeg(image, 90)}}) {
    check_image_ends(folder.write(name, bytes));
    rejected(folder.write("cut-" + name, bytes.substr(0, bytes.size() - 1)), "cut-" + name + " is cut short");
    rejected(folder.write("start-" + name, bytes.substr(0, 8)), "start-" + name);
  }
  rejected(folder.write("empty.jpg", ""), "empty.jpg is empty");
  rejected(folder.write("text.jpg", "four words of text"), "is no JPEG");
  rejected(folder / "nothing.png", "cannot open");
}

}  // namespace
}  // namespace defound
