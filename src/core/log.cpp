#include "defound/core/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "defound/core/error.h"

namespace defound::log {
namespace {

std::shared_ptr<spdlog::sinks::sink> stderr_sink() {
  static const auto sink = [] {
    auto made = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
    made->set_pattern("%H:%M:%S %^%l%$ %v");
    return made;
  }();
  return sink;
}

/// Where messages go: it may change while another thread writes one.
spdlog::sinks::dist_sink_mt& outlets() {
  static const auto sinks = std::make_shared<spdlog::sinks::dist_sink_mt>(std::vector{stderr_sink()});
  return *sinks;
}

spdlog::logger& logger() {
  static spdlog::logger instance = [] {
    spdlog::logger made("defound", std::shared_ptr<spdlog::sinks::sink>(&outlets(), [](auto*) {}));
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
    outlets().add_sink(std::move(sink));
  } catch (const spdlog::spdlog_ex& e) {
    fail("cannot write the log {}: {}", path.string(), e.what());
  }
}

void remove_file() { outlets().set_sinks({stderr_sink()}); }

void write(Level level, const std::string& message) { logger().log(translate(level), "{}", message); }

}  // namespace defound::log
