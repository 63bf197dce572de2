#include "defound/image/image_io.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "defound/core/crc32.h"
#include "defound/core/error.h"
#include "defound/image/geometry.h"
#include "defound/image/image_header.h"
#include "support/temp_folder.h"

namespace defound {
namespace {

using testing::TempFolder;

/// A smooth picture, so that JPEG changes it little.
Image gradient(int64_t width, int64_t height) {
  Image image(width, height);
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x) {
      image.at(x, y)[0] = static_cast<uint8_t>(255 * x / width);
      image.at(x, y)[1] = static_cast<uint8_t>(255 * y / height);
      image.at(x, y)[2] = 40;
    }
  return image;
}

int64_t largest_difference(const Image& a, const Image& b) {
  if (a.width != b.width || a.height != b.height) return 256;
  int64_t worst = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) worst = std::max<int64_t>(worst, std::abs(int{a.pixels[i]} - int{b.pixels[i]}));
  return worst;
}

/// The message of the Error with exit code 2 that decoding throws; "" when it succeeds.
std::string rejection(const std::string& bytes) {
  try {
    decode_image(bytes, "x.img");
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::kUsage);
    return e.what();
  }
  return "";
}

/// A JPEG with an EXIF segment that carries this orientation.
std::string with_orientation(const std::string& jpeg, char orientation) {
  std::string segment("Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", 25);
  segment.push_back(orientation);
  segment.append(6, '\0');
  std::string result = jpeg.substr(0, 2);
  result.append("\xFF\xE1\0", 3).push_back(static_cast<char>(segment.size() + 2));
  return result.append(segment).append(jpeg, 2);
}

TEST(ImageIo, PngComesBackUnchanged) {
  const Image image = gradient(33, 17);
  EXPECT_EQ(decode_image(encode_png(image), "a.png").pixels, image.pixels);
}

TEST(ImageIo, JpegComesBackNearly) { EXPECT_LE(largest_difference(decode_image(encode_jpeg(gradient(64, 48)), "a.jpg"), gradient(64, 48)), 8); }

TEST(ImageIo, WritesAndReadsByExtension) {
  const TempFolder folder;
  write_image(folder / "a.png", gradient(20, 10));
  EXPECT_EQ(read_image(folder / "a.png").pixels, gradient(20, 10).pixels);
  EXPECT_THROW(write_image(folder / "a.gif", gradient(20, 10)), Error);
}

TEST(ImageIo, LargeJpegIsDecodedSmallerButNotTooSmall) {
  const std::string jpeg = encode_jpeg(gradient(403, 301));
  EXPECT_EQ(decode_image(jpeg, "a.jpg", 0).width, 403);
  EXPECT_EQ(decode_image(jpeg, "a.jpg", 151).height, 301);
  EXPECT_EQ(decode_image(jpeg, "a.jpg", 150).height, 151);
  EXPECT_EQ(decode_image(jpeg, "a.jpg", 75).width, 101);
  EXPECT_EQ(decode_image(jpeg, "a.jpg", 1).width, 51);
  EXPECT_EQ(decode_image(encode_png(gradient(400, 300)), "a.png", 1).width, 400);
}

TEST(ImageIo, ExifOrientationIsApplied) {
  const Image stored = gradient(40, 24);
  const std::string jpeg = encode_jpeg(stored);
  const Image plain = decode_image(jpeg, "a.jpg");
  for (char orientation = 1; orientation <= 8; ++orientation) {
    const Image shown = decode_image(with_orientation(jpeg, orientation), "a.jpg");
    EXPECT_EQ(shown.pixels, orient(plain, orientation).pixels) << int{orientation};
    EXPECT_EQ(read_image_header(with_orientation(jpeg, orientation), "a.jpg").width, shown.width);
    EXPECT_EQ(shown.width, orientation >= 5 ? 24 : 40);
  }
  // the red ramp of the stored rows runs down after a quarter turn clockwise (6)
  const Image turned = decode_image(with_orientation(jpeg, 6), "a.jpg");
  EXPECT_LT(turned.at(12, 2)[0], 40);
  EXPECT_GT(turned.at(12, 37)[0], 210);
  EXPECT_GT(turned.at(1, 20)[1], 210);
}

TEST(ImageIo, CutShortIsRejectedAtEveryLength) {
  for (const std::string& whole : {encode_jpeg(gradient(48, 48)), encode_png(gradient(48, 48))})
    for (size_t length = 0; length < whole.size(); length += 1 + whole.size() / 97) EXPECT_NE(rejection(whole.substr(0, length)), "") << length;
}

TEST(ImageIo, DamagedPngIsRejected) {
  std::string png = encode_png(gradient(48, 48));
  png[png.size() / 2] = static_cast<char>(png[png.size() / 2] ^ 0x10);
  EXPECT_NE(rejection(png).find("checksum"), std::string::npos);
}

TEST(ImageIo, OtherBytesAreRejectedByName) {
  EXPECT_NE(rejection("").find("x.img is empty"), std::string::npos);
  EXPECT_NE(rejection("<html>not found</html>").find("x.img is no JPEG"), std::string::npos);
}

TEST(ImageIo, BombsAreRejectedByTheirHeader) {
  std::string png = encode_png(gradient(8, 8));
  png.replace(16, 8, std::string("\0\x01\0\0\0\x01\0\0", 8));  // 65,536 x 65,536
  EXPECT_NE(rejection(png).find("65536 x 65536"), std::string::npos);

  // a chunk that nobody knows, with a small size where IHDR has its own, before the large one
  std::string hidden("\0\0\0\x08" "abCd" "\0\0\0\x08\0\0\0\x08", 16);
  const uint32_t sum = crc32(std::string_view(hidden).substr(4));
  for (int shift = 24; shift >= 0; shift -= 8) hidden.push_back(static_cast<char>(sum >> shift));
  png.insert(8, hidden);
  EXPECT_NE(rejection(png).find("gives no width"), std::string::npos) << rejection(png);
}

TEST(ImageIo, PngProfilesAreLeftOut) {
  std::string png = encode_png(gradient(8, 8));
  const std::string text("\0\0\0\x03tEXta\0b\x5e\x3d\x4d\xf8", 15);
  const std::string broken = png.substr(0, 33) + text + png.substr(33);
  EXPECT_NE(rejection(broken).find("checksum"), std::string::npos);
  EXPECT_EQ(essential_png(png, "a.png"), png);
}

TEST(ContactSheet, HoldsThePicturesInOrder) {
  const Image sheet = contact_sheet({Image(4, 3, 10), Image(4, 3, 20), Image(4, 3, 30)}, 2, 1);
  EXPECT_EQ(sheet.width, 11);
  EXPECT_EQ(sheet.height, 9);
  EXPECT_EQ(sheet.at(1, 1)[0], 10);
  EXPECT_EQ(sheet.at(6, 1)[0], 20);
  EXPECT_EQ(sheet.at(1, 5)[0], 30);
  EXPECT_EQ(sheet.at(6, 5)[0], 255);
  EXPECT_EQ(sheet.at(0, 0)[0], 255);
  EXPECT_THROW(contact_sheet({Image(4, 3), Image(3, 4)}, 2), Error);
}

}  // namespace
}  // namespace defound
