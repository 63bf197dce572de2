#include "defound/data/csv.h"

#include "defound/core/error.h"
#include "defound/core/utf8.h"

namespace defound {
namespace {

class Parser {
 public:
  Parser(std::string_view text, const std::string& origin) : text_(text), origin_(origin) {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
  }

  void parse(const std::function<void(CsvRecord&&)>& use) {
    size_t width = 0;
    while (at_ < text_.size()) {
      if (skip_line_end()) continue;
      CsvRecord record{line_, {}};
      do record.fields.push_back(field());
      while (skip(','));
      if (at_ < text_.size() && !skip_line_end()) reject("{}:{}: text after a closing quote; double the quotes inside a field", origin_, line_);
      if (width > 0 && record.fields.size() != width)
        reject("{}:{}: {} fields, but the header has {}", origin_, record.line, record.fields.size(), width);
      width = record.fields.size();
      use(std::move(record));
    }
  }

 private:
  bool skip(char c) { return at_ < text_.size() && text_[at_] == c ? (++at_, true) : false; }
  bool skip_line_end() {
    const size_t length = text_.substr(at_).starts_with("\r\n") ? 2 : at_ < text_.size() && text_[at_] == '\n' ? 1 : 0;
    at_ += length;
    line_ += length > 0;
    return length > 0;
  }
  std::string field() { return skip('"') ? quoted() : plain(); }

  std::string plain() {
    std::string value;
    while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '\n' && !text_.substr(at_).starts_with("\r\n")) append(value);
    return value;
  }
  std::string quoted() {
    const int64_t begin = line_;
    std::string value;
    while (at_ < text_.size()) {
      if (skip('"')) {
        if (!skip('"')) return value;
        value += '"';
        continue;
      }
      line_ += text_[at_] == '\n';
      append(value);
    }
    reject("{}:{}: a quote is opened and never closed", origin_, begin);
  }
  void append(std::string& value) {
    const size_t length = utf8_length(text_, at_);
    if (length == 0) reject("{}:{}: bytes that are no UTF-8; save the file as UTF-8", origin_, line_);
    value.append(text_.substr(at_, length));
    at_ += length;
  }

  std::string_view text_;
  const std::string& origin_;
  size_t at_ = 0;
  int64_t line_ = 1;
};

}  // namespace

void for_each_record(std::string_view text, const std::string& origin, const std::function<void(CsvRecord&&)>& use) {
  Parser(text, origin).parse(use);
}

std::vector<CsvRecord> parse_csv(std::string_view text, const std::string& origin) {
  std::vector<CsvRecord> records;
  for_each_record(text, origin, [&](CsvRecord&& record) { records.push_back(std::move(record)); });
  return records;
}

std::string csv_line(const std::vector<std::string>& fields) {
  std::string line;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) line += ',';
    const bool alone_and_empty = fields.size() == 1 && fields[i].empty();  // else it would read as an empty line
    if (!alone_and_empty && fields[i].find_first_of(",\"\r\n") == std::string::npos) {
      line += fields[i];
      continue;
    }
    line += '"';
    for (const char c : fields[i]) line += c == '"' ? std::string("\"\"") : std::string(1, c);
    line += '"';
  }
  return line + "\r\n";
}

}  // namespace defound
