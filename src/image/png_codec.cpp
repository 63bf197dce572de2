#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <csetjmp>
#include <vector>

#include "codecs.h"
#include "defound/core/error.h"
#include "defound/image/image_header.h"
#include "defound/image/image_io.h"

namespace defound {
namespace {

constexpr size_t kLongestMessage = 120;

/// libpng reports here and jumps back; it never prints.
struct PngReports {
  std::jmp_buf jump;
  char message[kLongestMessage] = "";
};

void on_png_error(png_structp png, png_const_charp message) {
  auto* reports = static_cast<PngReports*>(png_get_error_ptr(png));
  std::copy_n(message, std::min(std::char_traits<char>::length(message), kLongestMessage - 1), reports->message);
  std::longjmp(reports->jump, 1);
}

void on_png_warning(png_structp, png_const_charp) {}

struct PngReader {
  explicit PngReader(PngReports& reports)
      : png(png_create_read_struct(PNG_LIBPNG_VER_STRING, &reports, on_png_error, on_png_warning)), info(png != nullptr ? png_create_info_struct(png) : nullptr) {}
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
  png_structp png;
  png_infop info;
};

struct PngWriter {
  explicit PngWriter(PngReports& reports)
      : png(png_create_write_struct(PNG_LIBPNG_VER_STRING, &reports, on_png_error, on_png_warning)), info(png != nullptr ? png_create_info_struct(png) : nullptr) {}
  PngWriter(const PngWriter&) = delete;
  PngWriter& operator=(const PngWriter&) = delete;
  ~PngWriter() { png_destroy_write_struct(&png, &info); }
  png_structp png;
  png_infop info;
};

void take_bytes(png_structp png, png_bytep target, size_t count) {
  auto* rest = static_cast<std::string_view*>(png_get_io_ptr(png));
  if (count > rest->size()) png_error(png, "its data end before its picture does");
  std::copy_n(rest->begin(), count, target);
  rest->remove_prefix(count);
}

void append_bytes(png_structp png, png_bytep bytes, size_t count) { static_cast<std::string*>(png_get_io_ptr(png))->append(reinterpret_cast<const char*>(bytes), count); }

/// False when an error was reported. Holds no object with a destructor, because errors jump; `rows` is memory for it.
bool read_pixels(std::string_view& rest, const PngReader& reader, PngReports& reports, std::vector<png_bytep>& rows, Image& image) {
  if (setjmp(reports.jump)) return false;
  png_set_read_fn(reader.png, &rest, take_bytes);
  png_read_info(reader.png, reader.info);
  png_set_scale_16(reader.png);
  png_set_expand(reader.png);         // palettes, and grays of 1, 2 or 4 bits
  png_set_gray_to_rgb(reader.png);
  png_set_strip_alpha(reader.png);
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  image = Image(png_get_image_width(reader.png, reader.info), png_get_image_height(reader.png, reader.info));
  if (png_get_rowbytes(reader.png, reader.info) != static_cast<size_t>(image.width) * 3) png_error(reader.png, "its pixels are of an unknown kind");
  rows.resize(static_cast<size_t>(image.height));
  for (int64_t y = 0; y < image.height; ++y) rows[static_cast<size_t>(y)] = image.at(0, y);
  png_read_image(reader.png, rows.data());
  png_read_end(reader.png, nullptr);
  return true;
}

/// Fast rather than small: files of a synthetic set are written once for each image and read many times.
bool write_pixels(const Image& image, const PngWriter& writer, PngReports& reports, std::string& bytes) {
  if (setjmp(reports.jump)) return false;
  png_set_write_fn(writer.png, &bytes, append_bytes, nullptr);
  png_set_filter(writer.png, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB);
  png_set_compression_level(writer.png, Z_BEST_SPEED);
  png_set_compression_strategy(writer.png, Z_RLE);
  png_set_IHDR(writer.png, writer.info, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height), 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(writer.png, writer.info);
  for (int64_t y = 0; y < image.height; ++y) png_write_row(writer.png, image.at(0, y));
  png_write_end(writer.png, nullptr);
  return true;
}

}  // namespace

Image decode_png(std::string_view bytes, const std::string& origin) {
  const std::string essential = essential_png(bytes, origin);
  std::string_view rest = essential;
  PngReports reports;
  const PngReader reader(reports);
  std::vector<png_bytep> rows;
  Image image;
  if (reader.info == nullptr || !read_pixels(rest, reader, reports, rows, image)) reject("{} cannot be decoded: {}", origin, reports.message);
  return image;
}

std::string encode_png(const Image& image) {
  if (image.width < 1 || image.height < 1) fail("an image of {} x {} pixels cannot be encoded", image.width, image.height);
  PngReports reports;
  const PngWriter writer(reports);
  std::string bytes;
  if (writer.info == nullptr || !write_pixels(image, writer, reports, bytes))
    fail("an image of {} x {} pixels could not be encoded: {}", image.width, image.height, reports.message);
  return bytes;
}

}  // namespace defound
