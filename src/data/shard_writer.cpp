#include "defound/data/shard_writer.h"

#include <cerrno>
#include <cstring>

#include "defound/core/error.h"

namespace defound {
namespace {

constexpr uint64_t kBlockBytes = 512, kRecordBytes = 20 * kBlockBytes, kMostContent = uint64_t{1} << 33;   // 11 octal digits
constexpr size_t kNameBytes = 100;

/// The fields of a header that say the same of every member, and those that do not (POSIX.1-2017, pax, "ustar").
std::string shard_header(const std::string& name, char type, uint64_t size) {
  std::string header(kBlockBytes, '\0');
  const auto put = [&](size_t at, const std::string& text) { header.replace(at, text.size(), text); };
  put(0, name.substr(0, kNameBytes));
  put(100, type == 'x' ? "0000000" : "0000644"), put(108, "0000000"), put(116, "0000000");   // mode, owner, group
  put(124, fmt::format("{:011o}", size)), put(136, "00000000000");   // time
  put(148, "        "), put(156, std::string(1, type)), put(257, std::string("ustar\0" "00", 8));
  uint64_t sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(148, fmt::format("{:06o}", sum) + '\0');
  return header;
}

/// "LENGTH path=NAME\n", where the length counts its own digits.
std::string pax_path(const std::string& name) {
  const std::string rest = " path=" + name + "\n";
  size_t length = rest.size();
  while (std::to_string(length).size() + rest.size() != length) length = std::to_string(length).size() + rest.size();
  return std::to_string(length) + rest;
}

/// One question mark for each character that is not ASCII: what a reader without pax sees.
std::string ascii_name(const std::string& name) {
  std::string ascii;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) ascii += c;
    else if (byte >= 0xC0) ascii += '?';
  }
  return ascii;
}

}  // namespace

ShardWriter::ShardWriter(const fs::path& path)
    : path_(path), temporary_(temporary_path(path)), file_(temporary_, std::ios::binary | std::ios::trunc) {
  if (!file_) fail("cannot write {}: {}", path_.string(), std::strerror(errno));
}

ShardWriter::~ShardWriter() {
  if (!file_.is_open()) return;
  file_.close();
  std::error_code ignored;
  fs::remove(temporary_, ignored);
}

void ShardWriter::write(std::string_view bytes) {
  if (!file_.write(bytes.data(), static_cast<std::streamsize>(bytes.size())))
    fail("cannot write {}: {}", path_.string(), std::strerror(errno));
  written_ += bytes.size();
}

void ShardWriter::add_entry(const std::string& name, char type, std::string_view content) {
  write(shard_header(name, type, content.size()));
  write(content);
  write(std::string((kBlockBytes - content.size() % kBlockBytes) % kBlockBytes, '\0'));
}

void ShardWriter::add(const std::string& name, std::string_view content) {
  if (content.size() >= kMostContent)
    fail("{}: {} has {} bytes; a member of a shard has fewer than {}", path_.string(), name, content.size(), kMostContent);
  const std::string plain = ascii_name(name);
  if (plain != name || name.size() > kNameBytes) add_entry("././@PaxHeader", 'x', pax_path(name));
  add_entry(plain, '0', content);
}

void ShardWriter::publish() {
  const uint64_t end = written_ + 2 * kBlockBytes;
  write(std::string((end + kRecordBytes - 1) / kRecordBytes * kRecordBytes - written_, '\0'));
  if (!file_.flush()) fail("cannot write {}: {}", path_.string(), std::strerror(errno));
  file_.close();
  defound::publish(path_, [](const fs::path& /*it stands there by now*/) {});
}

}  // namespace defound
