#include <cstddef>
#include <cstdio>

#include <jpeglib.h>   // wants size_t and FILE, and stands before jerror.h
#include <jerror.h>

#include <csetjmp>
#include <cstdlib>

#include "codecs.h"
#include "defound/core/error.h"
#include "defound/image/image_io.h"

namespace defound {
namespace {

/// libjpeg reports here: errors jump back to decode(), warnings are kept and never printed.
struct Reports {
  jpeg_error_mgr manager;   // first, so that the library's pointer to it is a pointer to this
  std::jmp_buf jump;
  bool ends_early = false;
  char message[JMSG_LENGTH_MAX] = "";
};

void on_error(j_common_ptr state) {
  auto* reports = reinterpret_cast<Reports*>(state->err);
  state->err->format_message(state, reports->message);
  std::longjmp(reports->jump, 1);
}

void on_message(j_common_ptr state, int level) {
  if (level >= 0) return;  // a trace
  ++state->err->num_warnings;
  const int code = state->err->msg_code;
  if (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER) reinterpret_cast<Reports*>(state->err)->ends_early = true;
}

/// The library's state; it owns its memory.
struct Decompressor {
  jpeg_decompress_struct state{};
  ~Decompressor() { jpeg_destroy_decompress(&state); }
};

/// Decodes into `image`; false when an error was reported. Holds no object with a destructor, because errors jump.
bool decode(std::string_view bytes, int64_t reduction, jpeg_decompress_struct& state, Reports& reports, Image& image) {
  if (setjmp(reports.jump)) return false;
  jpeg_create_decompress(&state);
  jpeg_mem_src(&state, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_read_header(&state, TRUE);
  // the library leaves the way from CMYK to RGB to us; Adobe's programs store inks inverted
  const bool cmyk = state.jpeg_color_space == JCS_CMYK || state.jpeg_color_space == JCS_YCCK;
  state.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
  state.scale_num = 1, state.scale_denom = static_cast<unsigned>(reduction);
  jpeg_start_decompress(&state);
  image = Image(state.output_width, state.output_height);
  JSAMPARRAY row = cmyk ? state.mem->alloc_sarray(reinterpret_cast<j_common_ptr>(&state), JPOOL_IMAGE, state.output_width * 4, 1) : nullptr;
  while (state.output_scanline < state.output_height) {
    JSAMPROW target = image.at(0, state.output_scanline);
    if (!cmyk) {
      jpeg_read_scanlines(&state, &target, 1);
      continue;
    }
    jpeg_read_scanlines(&state, row, 1);
    const JSAMPLE* from = row[0];
    for (unsigned x = 0; x < state.output_width; ++x, from += 4, target += 3)
      for (int c = 0; c < 3; ++c) target[c] = static_cast<uint8_t>((state.saw_Adobe_marker ? from[c] * from[3] : (255 - from[c]) * (255 - from[3])) / 255);
  }
  jpeg_finish_decompress(&state);
  return true;
}

/// The library's state; it owns its memory.
struct Compressor {
  jpeg_compress_struct state{};
  unsigned char* bytes = nullptr;   // the library's memory, ours to free
  unsigned long count = 0;
  ~Compressor() {
    jpeg_destroy_compress(&state);
    std::free(bytes);
  }
};

bool encode(const Image& image, int quality, Compressor& compressor, Reports& reports) {
  if (setjmp(reports.jump)) return false;
  jpeg_compress_struct& state = compressor.state;
  jpeg_create_compress(&state);
  jpeg_mem_dest(&state, &compressor.bytes, &compressor.count);
  state.image_width = static_cast<JDIMENSION>(image.width), state.image_height = static_cast<JDIMENSION>(image.height);
  state.input_components = 3, state.in_color_space = JCS_RGB;
  jpeg_set_defaults(&state);
  jpeg_set_quality(&state, quality, TRUE);
  jpeg_start_compress(&state, TRUE);
  while (state.next_scanline < state.image_height) {
    auto* row = const_cast<JSAMPROW>(image.at(0, state.next_scanline));
    jpeg_write_scanlines(&state, &row, 1);
  }
  jpeg_finish_compress(&state);
  return true;
}

}  // namespace

Image decode_jpeg(std::string_view bytes, const std::string& origin, int64_t reduction) {
  Reports reports;
  Decompressor decompressor;
  decompressor.state.err = jpeg_std_error(&reports.manager);
  reports.manager.error_exit = on_error;
  reports.manager.emit_message = on_message;
  Image image;
  if (!decode(bytes, reduction, decompressor.state, reports, image)) reject("{} cannot be decoded: {}", origin, reports.message);
  if (reports.ends_early) reject("{} is cut short or damaged: the JPEG's data end before its picture does", origin);
  return image;
}

std::string encode_jpeg(const Image& image, int64_t quality) {
  if (image.width < 1 || image.height < 1) fail("an image of {} x {} pixels cannot be encoded", image.width, image.height);
  Reports reports;
  Compressor compressor;
  compressor.state.err = jpeg_std_error(&reports.manager);
  reports.manager.error_exit = on_error;
  reports.manager.emit_message = on_message;
  if (!encode(image, static_cast<int>(quality), compressor, reports)) fail("an image of {} x {} pixels could not be encoded: {}", image.width, image.height, reports.message);
  return std::string(reinterpret_cast<const char*>(compressor.bytes), compressor.count);
}

}  // namespace defound
