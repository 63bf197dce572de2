#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace defound {

/// One record and the line it begins on, counted from 1.
struct CsvRecord {
  int64_t line = 0;
  std::vector<std::string> fields;
};

/// RFC 4180: quoted fields with doubled quotes and line breaks, CRLF or LF, a byte order mark; empty lines are left
/// out. Rejects (exit 2), naming origin:line, an open quote, text after a closing one, bytes that are no UTF-8, and
/// records with another number of fields than the first.
std::vector<CsvRecord> parse_csv(std::string_view text, const std::string& origin);

/// The same, record by record, so that a table of a million rows is never there twice.
void for_each_record(std::string_view text, const std::string& origin, const std::function<void(CsvRecord&&)>& use);

/// The fields as one line with CRLF; quoted where they need it.
std::string csv_line(const std::vector<std::string>& fields);

}  // namespace defound
