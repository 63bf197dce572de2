#include "defound/tensor/npy_header.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "defound/core/error.h"

namespace defound {
namespace {

constexpr std::string_view kNpyMagic("\x93NUMPY", 6);
constexpr size_t kNpyAlignment = 64, kGrowthDigits = 21, kMostNpyDimensions = 64;   // numpy's own
constexpr std::array<std::string_view, 9> kNpyTypes{"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "b1"};

/// A reader of the one Python literal that a header may be: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
class NpyLiteral {
 public:
  NpyLiteral(std::string_view text, const std::string& origin) : text_(text), origin_(origin) {}

  NpyHeader read() {
    NpyHeader header;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!takes('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !descr) descr = true, header.type = checked_type();
      else if (key == "fortran_order" && !order) order = true, header.fortran_order = truth();
      else if (key == "shape" && !shape) shape = true, header.shape = sizes();
      else reject("{}: the header holds '{}' twice, or it does not belong there", origin_, key);
      if (!takes(',')) {
        expect('}');
        break;
      }
    }
    skip_blanks();
    if (at_ != text_.size()) wrong("nothing more");
    if (!descr || !order || !shape) reject("{}: the header must name descr, fortran_order and shape", origin_);
    return header;
  }

 private:
  [[noreturn]] void wrong(const std::string& expected) const {
    reject("{}: the .npy header is damaged at byte {}: expected {}", origin_, at_, expected);
  }
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) ++at_;
  }
  bool takes(char wanted) {
    skip_blanks();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  void expect(char wanted) {
    if (!takes(wanted)) wrong(fmt::format("'{}'", wanted));
  }
  bool takes_word(std::string_view word) {
    skip_blanks();
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  std::string quoted() {
    skip_blanks();
    const char mark = at_ < text_.size() ? text_[at_] : ' ';
    if (mark != '\'' && mark != '"') wrong("a quoted text");
    const size_t end = text_.find(mark, at_ + 1);
    if (end == std::string_view::npos) wrong("a closing quote");
    const std::string value(text_.substr(at_ + 1, end - at_ - 1));
    if (value.size() > 64 || std::any_of(value.begin(), value.end(), [](char c) { return c < ' ' || c > '~' || c == '\\'; })) wrong("a short plain text");
    at_ = end + 1;
    return value;
  }
  std::string checked_type() {
    skip_blanks();
    if (at_ < text_.size() && (text_[at_] == '[' || text_[at_] == '(')) reject("{} holds records; only arrays of plain numbers are read", origin_);
    const std::string descr = quoted();
    const std::string type = descr.size() > 1 && std::string_view("<|=>").find(descr[0]) != std::string_view::npos ? descr.substr(1) : descr;
    if (std::find(kNpyTypes.begin(), kNpyTypes.end(), type) == kNpyTypes.end())
      reject("{} holds the type '{}'; the types read are f2 f4 f8 i1 i2 i4 i8 u1 b1 (numpy: array.astype('<f4'))", origin_, descr);
    if (descr[0] == '>' && type[1] != '1') reject("{} is big-endian ('{}'); save it with numpy's array.astype('<{}')", origin_, descr, type);
    return type;
  }
  bool truth() {
    if (takes_word("True")) return true;
    if (!takes_word("False")) wrong("True or False");
    return false;
  }
  std::vector<int64_t> sizes() {
    std::vector<int64_t> shape;
    expect('(');
    bool comma = true;
    while (!takes(')')) {
      if (!comma) wrong("',' or ')'");
      shape.push_back(size());
      if (shape.size() > kMostNpyDimensions) reject("{}: the shape has more than {} dimensions", origin_, kMostNpyDimensions);
      comma = takes(',');
    }
    if (shape.size() == 1 && !comma) wrong("a tuple: (N,)");
    return shape;
  }
  int64_t size() {
    skip_blanks();
    int64_t value = 0;
    const char* first = text_.data() + at_;
    const auto [end, fault] = std::from_chars(first, text_.data() + text_.size(), value);
    if (fault != std::errc() || value < 0) wrong("a size from 0 to 2^63 - 1");
    at_ += static_cast<size_t>(end - first);
    takes('L');   // as Python 2 wrote them
    return value;
  }

  std::string_view text_;
  const std::string& origin_;
  size_t at_ = 0;
};

/// Bytes of the array. Zero sizes count as one for the overflow check, as strides are built from them too.
uint64_t npy_bytes(const NpyHeader& header, const std::string& origin) {
  uint64_t strides = static_cast<uint64_t>(header.type[1] - '0'), bytes = strides;
  for (const int64_t size : header.shape) {
    if (__builtin_mul_overflow(strides, static_cast<uint64_t>(std::max<int64_t>(1, size)), &strides) || strides > static_cast<uint64_t>(INT64_MAX))
      reject("{}: the shape is too large", origin);
    bytes *= static_cast<uint64_t>(size);
  }
  return bytes;
}

uint64_t little_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

}  // namespace

NpyHeader parse_npy_header(std::string_view begin, uint64_t file_bytes, const std::string& origin) {
  if (begin.size() < 10 || !begin.starts_with(kNpyMagic)) reject("{} is no .npy file: it does not begin with \\x93NUMPY", origin);
  const int major = static_cast<uint8_t>(begin[6]), minor = static_cast<uint8_t>(begin[7]);
  if (major < 1 || major > 3 || minor != 0) reject("{} is a .npy file of version {}.{}; versions 1.0, 2.0 and 3.0 are read", origin, major, minor);
  const size_t length_bytes = major == 1 ? 2 : 4, text_begin = 8 + length_bytes;
  if (begin.size() < text_begin) reject("{} is cut off in its header", origin);
  const uint64_t text_bytes = little_endian(begin.substr(8, length_bytes));
  if (text_bytes > kMostNpyHeaderBytes) reject("{}: a header of {} bytes; at most {} are read", origin, text_bytes, kMostNpyHeaderBytes);
  if (text_bytes > begin.size() - text_begin) reject("{} is cut off in its header of {} bytes", origin, text_bytes);
  NpyHeader header = NpyLiteral(begin.substr(text_begin, text_bytes), origin).read();
  header.data_begin = text_begin + text_bytes;
  header.data_bytes = npy_bytes(header, origin);
  if (file_bytes < header.data_begin || header.data_bytes != file_bytes - header.data_begin)
    reject("{}: type {} and shape ({}) need {} bytes of data, the file has {}; it is {}", origin, header.type, fmt::join(header.shape, ", "), header.data_bytes,
           file_bytes - std::min(file_bytes, header.data_begin), header.data_bytes > file_bytes - header.data_begin ? "cut off" : "no single array");
  return header;
}

std::string npy_header_text(const std::string& type, const std::vector<int64_t>& shape) {
  std::string text = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}{}), }}", type[1] == '1' ? '|' : '<', type, fmt::join(shape, ", "),
                                 shape.size() == 1 ? "," : "");
  // numpy leaves room for the first size to grow to 21 digits, so that a header can be rewritten in place.
  if (!shape.empty()) text.append(kGrowthDigits - std::min(kGrowthDigits, fmt::formatted_size("{}", shape.front())), ' ');
  const size_t unpadded = 10 + text.size() + 1;
  text.append((kNpyAlignment - unpadded % kNpyAlignment) % kNpyAlignment, ' ');
  text += '\n';
  std::string bytes(kNpyMagic);
  bytes += {'\x01', '\0', static_cast<char>(text.size() & 0xFF), static_cast<char>(text.size() >> 8)};
  return bytes + text;
}

}  // namespace defound
