#pragma once
#include <cstdint>
#include <string_view>

namespace defound {

/// What the markers of a JPEG tell (ITU-T T.81, annex B).
struct JpegMarkers {
  int64_t width = 0, height = 0;   ///< as stored; 0: no frame header was found
  int orientation = 1;             ///< of the EXIF segment
};

/// Reads up to the first scan.
JpegMarkers read_jpeg_markers(std::string_view bytes);

}  // namespace defound
