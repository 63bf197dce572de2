#include "defound/core/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "defound/core/error.h"

namespace defound::log {
namespace {

spdlog::logger& logger() {
  static spdlog::logger instance = [] {
    auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
    spdlog::logger made("defound", sink);
    made.set_pattern("%H:%M:%S %^%l%$ %v");
    made.flush_on(spdlog::level::info);
    return made;
  }();
  return instance;
}

spdlog::level::level_enum translate(Level level) {
  switch (level) {
    case Level::kDebug: return spdlog::level::debug;
    case Level::kInfo: return spdlog::level::info;
    case Level::kWarn: return spdlog::level::warn;
    case Level::kError: return spdlog::level::err;
    case Level::kOff: return spdlog::level::off;
  }
  return spdlog::level::info;
}

}  // namespace

void set_level(const std::string& level) {
  for (const auto& [name, value] : {std::pair{"debug", Level::kDebug}, {"info", Level::kInfo}, {"warn", Level::kWarn},
                                   {"error", Level::kError}, {"off", Level::kOff}})
    if (level == name) return logger().set_level(translate(value));
  reject("log_level is '{}'; it must be debug, info, warn, error or off", level);
}

void add_file(const std::filesystem::path& path) {
  remove_file();
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path.string());
    sink->set_pattern("%Y-%m-%d %H:%M:%S %l %v");
    logger().sinks().push_back(std::move(sink));
  } catch (const spdlog::spdlog_ex& e) {
    fail("cannot write the log {}: {}", path.string(), e.what());
  }
}

void remove_file() { logger().sinks().resize(1); }

void write(Level level, const std::string& message) { logger().log(translate(level), "{}", message); }

}  // namespace defound::log
