#pragma once
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "defound/core/files.h"
#include "defound/run/metrics_log.h"

namespace defound {

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4).
uint32_t crc32c(std::string_view bytes);

/// Scalars and pictures as TensorBoard event files: TFRecord framing (tensorflow/core/lib/io/record_writer.h) around Event messages
/// (tensorflow/core/util/event.proto), encoded by hand. A new file for each start.
class TensorBoardLog {
 public:
  /// In older event files of the folder, rows of a step above `keep_through` are cut off, and so is a torn end.
  explicit TensorBoardLog(const fs::path& folder, int64_t keep_through = 0);
  /// Fails (exit 1) when the file cannot be written.
  void write(int64_t step, const NamedValues& values);
  /// A picture under `tag`; rejects (exit 2) bytes that do not begin as a PNG does.
  void write_picture(int64_t step, const std::string& tag, const std::string& png);

 private:
  void write_summary(int64_t step, std::string_view summary);
  void append(std::string_view event);
  fs::path path_;
  std::ofstream file_;
};

/// The payloads of a TFRecord file, up to the first record whose length or checksum is wrong.
std::vector<std::string> read_records(const fs::path& path);
/// The step of an encoded Event message; nothing when it holds no scalars and no picture.
std::optional<int64_t> scalar_step(std::string_view event);

}  // namespace defound
