#include "defound/run/tensorboard.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "defound/core/error.h"
#include "defound/run/host.h"

namespace defound {
namespace {

// Protocol Buffers wire format: a key is (field << 3 | type); type 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes.
constexpr uint64_t kWallTime = 1 << 3 | 1, kStep = 2 << 3 | 0, kFileVersion = 3 << 3 | 2, kSummary = 5 << 3 | 2;  // Event
constexpr uint64_t kValue = 1 << 3 | 2;                                                                           // Summary
constexpr uint64_t kTag = 1 << 3 | 2, kSimpleValue = 2 << 3 | 5, kImage = 4 << 3 | 2;                             // Summary.Value
constexpr uint64_t kImageHeight = 1 << 3 | 0, kImageWidth = 2 << 3 | 0, kImageColorspace = 3 << 3 | 0, kImageEncoded = 4 << 3 | 2;  // Summary.Image
constexpr uint64_t kRgb = 3;

template <class Number>
void put_little_endian(std::string& out, Number value) {
  for (size_t i = 0; i < sizeof(Number); ++i) out += static_cast<char>(static_cast<uint64_t>(value) >> (8 * i) & 0xFF);
}

template <class Number>
Number get_little_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(Number); ++i) value |= uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  return static_cast<Number>(value);
}

void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void put_bytes(std::string& out, uint64_t key, std::string_view bytes) {
  put_varint(out, key);
  put_varint(out, bytes.size());
  out += bytes;
}

void put_number(std::string& out, uint64_t key, uint64_t value) {
  put_varint(out, key);
  put_varint(out, value);
}

std::string event_header() {
  const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  std::string event;
  put_varint(event, kWallTime);
  put_little_endian(event, std::bit_cast<uint64_t>(now));
  return event;
}

uint32_t masked_crc(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xA282EAD8U;
}

std::string frame(std::string_view event) {
  std::string record;
  put_little_endian(record, uint64_t{event.size()});
  put_little_endian(record, masked_crc(record));
  record += event;
  put_little_endian(record, masked_crc(event));
  return record;
}

std::optional<uint64_t> take_varint(std::string_view& bytes) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

/// Four bytes, the highest first.
uint64_t get_big_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char byte : bytes.substr(0, 4)) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

void cut_back(const fs::path& path, int64_t keep_through) {
  std::string kept;
  for (const auto& event : read_records(path))
    if (scalar_step(event).value_or(0) <= keep_through) kept += frame(event);
  if (kept != read_text(path)) write_atomic(path, kept);
}

}  // namespace

std::vector<std::string> read_records(const fs::path& path) {
  const std::string text = read_text(path);
  std::string_view rest = text;
  std::vector<std::string> records;
  while (rest.size() >= 16) {
    const auto length = get_little_endian<uint64_t>(rest);
    if (masked_crc(rest.substr(0, 8)) != get_little_endian<uint32_t>(rest.substr(8)) || length > rest.size() - 16) break;
    const std::string_view event = rest.substr(12, length);
    if (masked_crc(event) != get_little_endian<uint32_t>(rest.substr(12 + length))) break;
    records.emplace_back(event);
    rest.remove_prefix(16 + length);
  }
  return records;
}

std::optional<int64_t> scalar_step(std::string_view event) {
  int64_t step = 0;
  bool scalars = false;
  while (!event.empty()) {
    const auto key = take_varint(event);
    if (!key) return std::nullopt;
    std::optional<uint64_t> number;
    if ((*key & 7) == 0 || (*key & 7) == 2) {
      number = take_varint(event);
      if (!number) return std::nullopt;
    }
    if (*key == kStep) step = static_cast<int64_t>(*number);
    if (*key == kSummary) scalars = true;
    const uint64_t skip = (*key & 7) == 1 ? 8 : (*key & 7) == 5 ? 4 : (*key & 7) == 2 ? *number : 0;
    if (skip > event.size()) return std::nullopt;
    event.remove_prefix(skip);
  }
  return scalars ? std::optional<int64_t>(step) : std::nullopt;
}

TensorBoardLog::TensorBoardLog(const fs::path& folder, int64_t keep_through) {
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename().string().starts_with("events.out.tfevents.")) cut_back(entry.path(), keep_through);
  const ProcessIdentity self = this_process();
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  // TensorBoard reads the files in the order of their names: seconds first, as in TensorFlow's own names.
  path_ = folder / fmt::format("events.out.tfevents.{:010}.{}.{}.{}", std::chrono::duration_cast<std::chrono::seconds>(now).count(), self.host,
                               self.pid, now.count() % 1000000000);
  file_.open(path_, std::ios::binary | std::ios::app);
  if (!file_) fail("cannot write {}: {}", path_.string(), std::strerror(errno));
  std::string event = event_header();
  put_bytes(event, kFileVersion, "brain.Event:2");
  append(event);
}

void TensorBoardLog::append(std::string_view event) {
  const std::string record = frame(event);
  const auto before = file_.tellp();
  if (file_.write(record.data(), static_cast<std::streamsize>(record.size())) && file_.flush()) return;
  const int reason = errno;
  file_.close();
  std::error_code ignored;
  fs::resize_file(path_, static_cast<uintmax_t>(before), ignored);  // no half record
  fail("cannot write {}: {}", path_.string(), std::strerror(reason));
}

void TensorBoardLog::write(int64_t step, const NamedValues& values) {
  std::string summary;
  for (const auto& [name, number] : values) {
    std::string value;
    put_bytes(value, kTag, name);
    put_varint(value, kSimpleValue);
    put_little_endian(value, std::bit_cast<uint32_t>(static_cast<float>(number)));
    put_bytes(summary, kValue, value);
  }
  write_summary(step, summary);
}

void TensorBoardLog::write_picture(int64_t step, const std::string& tag, const std::string& png) {
  constexpr size_t kWidthAt = 16, kHeightAt = 20;  // of IHDR, which comes first (ISO/IEC 15948, 11.2.1)
  if (png.size() < kHeightAt + 4 || !png.starts_with("\x89PNG\r\n\x1a\n")) reject("the picture '{}' for TensorBoard is no PNG", tag);
  std::string image, value, summary;
  put_number(image, kImageHeight, get_big_endian(std::string_view(png).substr(kHeightAt)));
  put_number(image, kImageWidth, get_big_endian(std::string_view(png).substr(kWidthAt)));
  put_number(image, kImageColorspace, kRgb);
  put_bytes(image, kImageEncoded, png);
  put_bytes(value, kTag, tag);
  put_bytes(value, kImage, image);
  put_bytes(summary, kValue, value);
  write_summary(step, summary);
}

void TensorBoardLog::write_summary(int64_t step, std::string_view summary) {
  std::string event = event_header();
  put_number(event, kStep, static_cast<uint64_t>(step));
  put_bytes(event, kSummary, summary);
  append(event);
}

}  // namespace defound
