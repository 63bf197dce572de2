#pragma once
#include <cstddef>
#include <string_view>

namespace defound {

/// Length of the UTF-8 sequence that begins at `at`, 0 when there is none or a NUL (RFC 3629: no overlong forms, no surrogates).
size_t utf8_length(std::string_view text, size_t at);

/// Whether all of the text is UTF-8; NULs may stand in it.
bool is_utf8(std::string_view text);

}  // namespace defound
