#pragma once
#include <string>
#include <string_view>

namespace defound {

/// Text made safe for HTML content and quoted attributes.
std::string escape_html(std::string_view text);

/// RFC 4648 base64 with padding.
std::string base64(std::string_view bytes);

}  // namespace defound
