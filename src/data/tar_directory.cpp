#include "defound/data/tar_directory.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "defound/core/error.h"
#include "defound/core/utf8.h"

namespace defound {
namespace {

constexpr uint64_t kTarBlock = 512, kMostExtension = 1 << 20, kMostPadding = 1 << 20;
constexpr size_t kMostNameBytes = 4096;

/// A field of a header without what follows its first NUL.
std::string_view until_nul(std::string_view field) { return field.substr(0, field.find('\0')); }

bool all_zero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == '\0'; });
}

/// One archive, walked from header to header; each place is looked up inside the file only.
class TarArchive {
 public:
  TarArchive(std::string_view bytes, const std::string& origin) : bytes_(bytes), origin_(origin) {}

  std::vector<TarMember> read() {
    for (;;) {
      if (bytes_.size() - at_ < kTarBlock)
        reject("{}: the tar archive ends without its end mark; it is cut off (an unfinished copy or writer?)", origin_);
      header_ = bytes_.substr(at_, kTarBlock);
      if (all_zero(header_)) break;
      read_entry();
    }
    const std::string_view rest = bytes_.substr(at_);
    if (rest.size() > kMostPadding || !all_zero(rest))
      reject("{}: data follow the end mark of the tar archive at byte {}; were several archives put one behind the other?",
             origin_, at_);
    return std::move(members_);
  }

 private:
  /// POSIX: octal digits; GNU: 0x80, then a big-endian number.
  uint64_t number(size_t at, size_t count, const char* what) const {
    std::string_view text = header_.substr(at, count);
    uint64_t value = 0;
    if (text[0] == '\x80') {
      for (const char c : text.substr(1)) {
        if (value >> 56 != 0) reject("{}: the {} in the header at byte {} is too large", origin_, what, at_);
        value = value << 8 | static_cast<unsigned char>(c);
      }
      return value;
    }
    text = until_nul(text);
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
    if (error != std::errc() || end != text.data() + text.size())
      reject("{}: the {} in the header at byte {} is no number", origin_, what, at_);
    return value;
  }

  /// The sum of the header's bytes with its own field as spaces; old programs added the bytes up as signed numbers.
  void check_checksum() const {
    int64_t sum = 8 * ' ', signed_sum = 8 * ' ';
    for (size_t i = 0; i < kTarBlock; ++i) {
      if (i >= 148 && i < 156) continue;
      sum += static_cast<unsigned char>(header_[i]), signed_sum += static_cast<signed char>(header_[i]);
    }
    const auto expected = static_cast<int64_t>(number(148, 8, "checksum"));
    if (expected != sum && expected != signed_sum)
      reject("{}: the checksum of the header at byte {} is wrong; this is no tar archive, or it is damaged or compressed",
             origin_, at_);
  }

  void read_entry() {
    check_checksum();
    const char type = header_[156];
    const uint64_t size = pax_size_ && !is_extension(type) ? *pax_size_ : number(124, 12, "size");
    const uint64_t begin = at_ + kTarBlock;
    if (size > bytes_.size() - begin)
      reject("{}: the member at byte {} claims {} bytes, {} are left; the archive is cut off or damaged", origin_, at_, size,
             bytes_.size() - begin);
    const std::string_view content = bytes_.substr(begin, size);
    if (is_extension(type)) {
      if (size > kMostExtension)
        reject("{}: the extended header at byte {} has {} bytes; at most {} are read", origin_, at_, size, kMostExtension);
      if (type == 'x') read_pax(content);
      if (type == 'L') long_name_ = until_nul(content);
    } else {
      add_member(type, begin, size);
      pax_name_.reset(), long_name_.reset(), pax_size_.reset();
    }
    const uint64_t padded = (size + kTarBlock - 1) / kTarBlock * kTarBlock;
    at_ = begin + std::min<uint64_t>(padded, bytes_.size() - begin);
  }

  /// Headers that tell of the next member: pax, pax for all (nothing of it is needed here), GNU's long name and long link.
  static bool is_extension(char type) { return type == 'x' || type == 'g' || type == 'L' || type == 'K'; }

  /// Records "LENGTH KEY=VALUE\n"; the length counts all of it.
  void read_pax(std::string_view records) {
    while (!records.empty()) {
      size_t length = 0;
      const auto [end, error] = std::from_chars(records.data(), records.data() + records.size(), length);
      const auto digits = static_cast<size_t>(end - records.data());
      if (error != std::errc() || length > records.size() || length < digits + 3 || records[digits] != ' ' ||
          records[length - 1] != '\n')
        reject("{}: the extended header at byte {} is damaged", origin_, at_);
      const std::string_view record = records.substr(digits + 1, length - digits - 2);
      const size_t equals = record.find('=');
      if (equals == std::string_view::npos) reject("{}: the extended header at byte {} is damaged", origin_, at_);
      keep_pax(record.substr(0, equals), record.substr(equals + 1));
      records.remove_prefix(length);
    }
  }

  void keep_pax(std::string_view key, std::string_view value) {
    if (key == "path") pax_name_ = value;
    if (key.starts_with("GNU.sparse"))
      reject("{}: the member after byte {} is a sparse file; pack the files without --sparse", origin_, at_);
    if (key != "size") return;
    uint64_t size = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), size);
    if (error != std::errc() || end != value.data() + value.size())
      reject("{}: the size in the extended header at byte {} is no number", origin_, at_);
    pax_size_ = size;
  }

  std::string name() const {
    if (pax_name_) return std::string(*pax_name_);
    if (long_name_) return std::string(*long_name_);
    const std::string name(until_nul(header_.substr(0, 100))), prefix(until_nul(header_.substr(345, 155)));
    const bool is_posix = header_.substr(257, 6) == std::string_view("ustar\0", 6);
    return is_posix && !prefix.empty() ? prefix + "/" + name : name;
  }

  void add_member(char type, uint64_t begin, uint64_t size) {
    std::string member = name();
    const bool is_plain = (type == '0' || type == '\0' || type == '7') && !member.ends_with('/');
    if (!is_plain) {
      if (size > 0 || std::string_view("0123456").find(type == '\0' ? '0' : type) == std::string_view::npos)
        reject("{}: the member at byte {} is of kind '{}'; shards hold plain files", origin_, at_,
               type >= ' ' && type <= '~' ? type : '?');
      return;
    }
    while (member.starts_with("./")) member.erase(0, 2);
    check_name(member);
    members_.push_back({std::move(member), begin, size});
  }

  void check_name(std::string_view member) const {
    if (member.empty() || member.size() > kMostNameBytes || member.find('\0') != std::string_view::npos || !is_utf8(member))
      reject("{}: the member at byte {} has an empty or overlong name, or one that is no UTF-8", origin_, at_);
    for (size_t begin = 0; begin <= member.size();) {
      const size_t end = std::min(member.find('/', begin), member.size());
      const std::string_view part = member.substr(begin, end - begin);
      if (part.empty() || part == "." || part == "..")
        reject("{}: the member at byte {} is named '{}', which leads out of its folder", origin_, at_, member);
      begin = end + 1;
    }
  }

  std::string_view bytes_, header_;
  const std::string& origin_;
  uint64_t at_ = 0;
  std::optional<std::string_view> pax_name_, long_name_;   ///< of the next member
  std::optional<uint64_t> pax_size_;
  std::vector<TarMember> members_;
};

}  // namespace

std::vector<TarMember> read_tar_directory(std::string_view bytes, const std::string& origin) {
  return TarArchive(bytes, origin).read();
}

}  // namespace defound
