// The only file that knows OpenCV.
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgcodecs.hpp>

#include "codecs.h"
#include "defound/core/error.h"

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

}  // namespace

Image decode_other(std::string_view bytes, const std::string& origin) {
  const cv::Mat pixels = decode_bgr(bytes, origin);
  Image image(pixels.cols, pixels.rows);
  for (int y = 0; y < pixels.rows; ++y) {
    const uint8_t* in = pixels.ptr(y);
    uint8_t* out = image.at(0, y);
    for (int x = 0; x < pixels.cols; ++x, in += 3, out += 3) out[0] = in[2], out[1] = in[1], out[2] = in[0];
  }
  return image;
}

}  // namespace defound
