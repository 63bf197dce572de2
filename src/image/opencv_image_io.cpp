// The only file that knows OpenCV.
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgcodecs.hpp>

#include "defound/core/error.h"
#include "defound/image/geometry.h"
#include "defound/image/image_header.h"
#include "defound/image/image_io.h"
#include "jpeg_decoder.h"

namespace defound {
namespace {

void silence_opencv() {
  static const bool once = (cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT), true);
  (void)once;
}

cv::Mat decode_bgr(std::string_view bytes, const std::string& origin) {
  silence_opencv();
  cv::Mat pixels;
  try {
    const cv::Mat raw(1, static_cast<int>(bytes.size()), CV_8U, const_cast<char*>(bytes.data()));
    pixels = cv::imdecode(raw, cv::IMREAD_COLOR | cv::IMREAD_ANYDEPTH);
  } catch (const cv::Exception& e) {
    reject("{} cannot be decoded: {}", origin, e.err);
  }
  if (pixels.empty()) reject("{} cannot be decoded: it is damaged or of a kind that OpenCV does not know", origin);
  if (pixels.depth() == CV_16U) pixels.convertTo(pixels, CV_8U, 1.0 / 257.0);
  if (pixels.type() != CV_8UC3) reject("{} has pixels of OpenCV type {}; 8 or 16 bits a channel are read", origin, cv::typeToString(pixels.type()));
  return pixels;
}

Image swap_red_blue(const cv::Mat& pixels) {
  Image image(pixels.cols, pixels.rows);
  for (int y = 0; y < pixels.rows; ++y) {
    const uint8_t* in = pixels.ptr(y);
    uint8_t* out = image.at(0, y);
    for (int x = 0; x < pixels.cols; ++x, in += 3, out += 3) out[0] = in[2], out[1] = in[1], out[2] = in[0];
  }
  return image;
}

std::string encode(const Image& image, const char* extension, const std::vector<int>& settings) {
  if (image.width < 1 || image.height < 1) fail("an image of {} x {} pixels cannot be encoded", image.width, image.height);
  silence_opencv();
  cv::Mat bgr(static_cast<int>(image.height), static_cast<int>(image.width), CV_8UC3);
  for (int y = 0; y < bgr.rows; ++y) {
    const uint8_t* in = image.at(0, y);
    uint8_t* out = bgr.ptr(y);
    for (int x = 0; x < bgr.cols; ++x, in += 3, out += 3) out[0] = in[2], out[1] = in[1], out[2] = in[0];
  }
  std::vector<uint8_t> bytes;
  if (!cv::imencode(extension, bgr, bytes, settings)) fail("an image of {} x {} pixels could not be encoded as {}", image.width, image.height, extension);
  return std::string(bytes.begin(), bytes.end());
}

}  // namespace

Image decode_reduced(std::string_view bytes, const std::string& origin, int64_t reduction) {
  const ImageHeader header = read_image_header(bytes, origin);
  if (header.format == ImageFormat::kJpeg) return orient(decode_jpeg(bytes, origin, reduction), header.orientation);
  if (header.format == ImageFormat::kPng) return swap_red_blue(decode_bgr(essential_png(bytes, origin), origin));
  return swap_red_blue(decode_bgr(bytes, origin));
}

std::string encode_png(const Image& image) { return encode(image, ".png", {}); }

std::string encode_jpeg(const Image& image, int64_t quality) {
  return encode(image, ".jpg", {cv::IMWRITE_JPEG_QUALITY, static_cast<int>(quality)});
}

}  // namespace defound
