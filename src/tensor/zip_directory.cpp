#include "zip_directory.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>
#include <vector>

#include "defound/core/error.h"

namespace defound {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr size_t kEndBytes = 22, kEnd64Bytes = 56, kLocator64Bytes = 20, kEntryBytes = 46, kLocalBytes = 30;
constexpr uint16_t kEncrypted = 1, kZip64Extra = 1;

/// One archive: the fields of its headers, each looked up inside the file only.
class ZipArchive {
 public:
  ZipArchive(std::string_view bytes, const std::string& origin) : bytes_(bytes), origin_(origin) {}

  std::map<std::string, ZipRecord> read() {
    find_directory();
    for (uint64_t at = directory_begin_; at < directory_end_;) at = read_entry(at);
    if (count_ != records_.size()) reject("{}: the zip directory holds {} records and tells of {}; the file is damaged", origin_, records_.size(), count_);
    check_overlaps();
    return std::move(records_);
  }

 private:
  struct Extent {
    uint64_t begin, end;
    std::string name;
  };

  template <class T>
  T number(uint64_t at) const {
    if (at > bytes_.size() || bytes_.size() - at < sizeof(T)) reject("{}: a zip header lies outside the file; it is cut off or damaged", origin_);
    T value;
    std::memcpy(&value, bytes_.data() + at, sizeof value);
    return value;
  }
  bool has_signature(uint64_t at, const char (&signature)[5]) const { return at <= bytes_.size() && bytes_.substr(at, 4) == signature; }

  void find_directory() {
    uint64_t end = bytes_.size() < kEndBytes ? 0 : bytes_.size() - kEndBytes;
    const uint64_t lowest = end - std::min<uint64_t>(end, 0xFFFF);   // a comment of up to 65,535 bytes may follow
    while (end > lowest && !(has_signature(end, "PK\5\6") && number<uint16_t>(end + 20) == bytes_.size() - end - kEndBytes)) --end;
    if (!has_signature(end, "PK\5\6")) reject("{}: the end of the zip archive is missing; the file is cut off (an unfinished download?) or damaged", origin_);
    if (number<uint16_t>(end + 4) != 0 || number<uint16_t>(end + 6) != 0) reject("{}: the zip archive is one part of several", origin_);
    count_ = number<uint16_t>(end + 10);
    uint64_t size = number<uint32_t>(end + 12);
    directory_begin_ = number<uint32_t>(end + 16);
    if (count_ == 0xFFFF || size == 0xFFFFFFFF || directory_begin_ == 0xFFFFFFFF) {
      const uint64_t locator = end - std::min<uint64_t>(end, kLocator64Bytes);
      if (!has_signature(locator, "PK\6\7")) reject("{}: the zip64 locator is missing; the file is damaged", origin_);
      end = number<uint64_t>(locator + 8);
      if (!has_signature(end, "PK\6\6") || bytes_.size() - end < kEnd64Bytes) reject("{}: the zip64 end record is missing; the file is damaged", origin_);
      count_ = number<uint64_t>(end + 32), size = number<uint64_t>(end + 40), directory_begin_ = number<uint64_t>(end + 48);
    }
    if (directory_begin_ > end || size > end - directory_begin_) reject("{}: the zip directory lies outside the file; it is cut off or damaged", origin_);
    directory_end_ = directory_begin_ + size;
  }

  /// Reads the directory's entry at `at`; returns where the next one begins.
  uint64_t read_entry(uint64_t at) {
    if (!has_signature(at, "PK\1\2")) reject("{}: the zip directory is damaged at byte {}", origin_, at);
    const uint64_t name_bytes = number<uint16_t>(at + 28), extra_bytes = number<uint16_t>(at + 30), comment_bytes = number<uint16_t>(at + 32);
    const uint64_t extra = at + kEntryBytes + name_bytes, next = extra + extra_bytes + comment_bytes;
    if (next > directory_end_) reject("{}: the zip directory is cut off at byte {}", origin_, at);
    const std::string name(bytes_.substr(at + kEntryBytes, name_bytes));
    check_name(name);
    if (number<uint16_t>(at + 8) & kEncrypted) reject("{}: the record '{}' is encrypted", origin_, name);
    ZipRecord record{.size = number<uint32_t>(at + 20), .checksum = number<uint32_t>(at + 16), .method = number<uint16_t>(at + 10)};
    uint64_t unpacked = number<uint32_t>(at + 24), header = number<uint32_t>(at + 42);
    read_zip64(extra, extra + extra_bytes, name, {&unpacked, &record.size, &header});
    if (record.method == 0 && unpacked != record.size) reject("{}: the record '{}' has {} bytes stored as {}; the file is damaged", origin_, name, unpacked, record.size);
    place(record, header, name);
    if (!records_.emplace(name, record).second) reject("{}: the record '{}' stands twice", origin_, name);
    return next;
  }

  /// Fields that do not fit in 32 bits (all ones) stand in the extra field with the tag 1, in this order.
  void read_zip64(uint64_t at, uint64_t end, const std::string& name, std::initializer_list<uint64_t*> fields) const {
    if (std::none_of(fields.begin(), fields.end(), [](const uint64_t* field) { return *field == 0xFFFFFFFF; })) return;
    while (at + 4 <= end) {
      const auto tag = number<uint16_t>(at);
      const uint64_t stop = std::min<uint64_t>(end, at + 4 + number<uint16_t>(at + 2));
      at += 4;
      if (tag == kZip64Extra) {
        for (uint64_t* field : fields) {
          if (*field != 0xFFFFFFFF) continue;
          if (at + 8 > stop) break;
          *field = number<uint64_t>(at), at += 8;
        }
        return;
      }
      at = stop;
    }
    reject("{}: the record '{}' has no zip64 sizes; the file is damaged", origin_, name);
  }

  void place(ZipRecord& record, uint64_t header, const std::string& name) {
    if (header >= directory_begin_ || !has_signature(header, "PK\3\4")) reject("{}: the record '{}' is not where the zip directory says; the file is damaged", origin_, name);
    const uint64_t name_bytes = number<uint16_t>(header + 26);
    record.begin = header + kLocalBytes + name_bytes + number<uint16_t>(header + 28);
    if (record.begin > directory_begin_ || record.size > directory_begin_ - record.begin)
      reject("{}: the record '{}' of {} bytes reaches outside the file; it is cut off or damaged", origin_, name, record.size);
    if (bytes_.substr(header + kLocalBytes, name_bytes) != name || number<uint16_t>(header + 8) != record.method)
      reject("{}: the record '{}' and the zip directory disagree; the file is damaged", origin_, name);
    extents_.push_back({header, record.begin + record.size, name});
  }

  /// Records are looked up by name only, never written to disk; such names are refused all the same.
  void check_name(const std::string& name) const {
    const std::string slashed = "/" + name + "/";
    if (name.empty() || name.front() == '/' || name.find('\\') != std::string::npos || name.find('\0') != std::string::npos || slashed.find("/../") != std::string::npos)
      reject("{}: a record has the name '{}', which leads out of the archive", origin_, name.substr(0, name.find('\0')));
  }

  void check_overlaps() {
    std::sort(extents_.begin(), extents_.end(), [](const Extent& a, const Extent& b) { return a.begin < b.begin; });
    for (size_t i = 1; i < extents_.size(); ++i)
      if (extents_[i].begin < extents_[i - 1].end) reject("{}: the records '{}' and '{}' overlap", origin_, extents_[i - 1].name, extents_[i].name);
  }

  std::string_view bytes_;
  const std::string& origin_;
  uint64_t directory_begin_ = 0, directory_end_ = 0, count_ = 0;
  std::map<std::string, ZipRecord> records_;
  std::vector<Extent> extents_;
};

}  // namespace

std::map<std::string, ZipRecord> read_zip_directory(std::string_view bytes, const std::string& origin) { return ZipArchive(bytes, origin).read(); }

}  // namespace defound
