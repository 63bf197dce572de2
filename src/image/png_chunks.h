#pragma once
#include <functional>
#include <string>
#include <string_view>

namespace defound {

constexpr std::string_view kPngSignature("\x89PNG\r\n\x1a\n", 8);

/// Calls visit(type, whole chunk) up to IEND; rejects wrong checksums and a missing end, naming `origin`.
void for_each_png_chunk(std::string_view bytes, const std::string& origin, const std::function<void(std::string_view, std::string_view)>& visit);

}  // namespace defound
