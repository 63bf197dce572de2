#pragma once
#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <utility>

namespace defound::log {

enum class Level { kDebug, kInfo, kWarn, kError, kOff };

/// Messages go to stderr and, once add_file was called, to a file too. Levels: debug, info, warn, error, off.
void set_level(const std::string& level);
void add_file(const std::filesystem::path& path);
/// Stops writing to the file that add_file opened.
void remove_file();
void write(Level level, const std::string& message);

template <class... Args>
void debug(fmt::format_string<Args...> message, Args&&... args) { write(Level::kDebug, fmt::format(message, std::forward<Args>(args)...)); }
template <class... Args>
void info(fmt::format_string<Args...> message, Args&&... args) { write(Level::kInfo, fmt::format(message, std::forward<Args>(args)...)); }
template <class... Args>
void warn(fmt::format_string<Args...> message, Args&&... args) { write(Level::kWarn, fmt::format(message, std::forward<Args>(args)...)); }
template <class... Args>
void error(fmt::format_string<Args...> message, Args&&... args) { write(Level::kError, fmt::format(message, std::forward<Args>(args)...)); }

}  // namespace defound::log
