#pragma once
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace defound {

/// What is known of an option beside its value. One `visit` function of a config struct names every field once; the
/// command line, the JSON reader, range checks, --help and --print_config are visitors of it.
struct Field {
  std::string name;                          ///< flag --name and JSON key "name"
  std::string help;                          ///< one line, with the unit
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices = {};     ///< the values a text may take; empty: any
  bool execution = false;                    ///< may change between starts of one run (device, threads, ...)
  bool whole_texts = false;                  ///< of a list: a comma on the command line does not end a text
  bool number_is_text = false;               ///< of a text: JSON may give a number

  Field range(double low, double high) && { least = low, most = high; return std::move(*this); }
  Field at_least(double low) && { least = low; return std::move(*this); }
  Field one_of(std::vector<std::string> values) && { choices = std::move(values); return std::move(*this); }
  Field whole() && { whole_texts = true; return std::move(*this); }
  Field or_number() && { number_is_text = true; return std::move(*this); }
  Field may_change() && { execution = true; return std::move(*this); }
};

inline Field field(std::string name, std::string help) { return Field{std::move(name), std::move(help)}; }

class Visitor {
 public:
  virtual ~Visitor() = default;
  /// Options that follow stand under this heading in --help.
  virtual void group(const std::string& /*title*/) {}
  virtual void operator()(const Field& field, bool& value) = 0;
  virtual void operator()(const Field& field, int64_t& value) = 0;
  virtual void operator()(const Field& field, double& value) = 0;
  virtual void operator()(const Field& field, std::string& value) = 0;
  virtual void operator()(const Field& field, std::vector<std::string>& value) = 0;
  virtual void operator()(const Field& field, std::vector<int64_t>& value) = 0;
  /// Unset optionals are null in JSON and absent on the command line.
  virtual void operator()(const Field& field, std::optional<int64_t>& value) = 0;
  virtual void operator()(const Field& field, std::optional<double>& value) = 0;
};

/// A struct of options: `void visit(Visitor& v) { v(field("mask_ratio", "share of hidden patches").range(0, 1), mask_ratio); }`
struct Config {
  virtual ~Config() = default;
  virtual void visit(Visitor& v) = 0;
  /// One with default values; null when its type does not say.
  virtual std::unique_ptr<Config> fresh() const { return nullptr; }
};

/// The options of a command that keeps a run folder, `struct PretrainConfig : RunConfig<PretrainConfig>`: a run may be
/// continued by a later version that knows more of them.
template <class Self>
struct RunConfig : Config {
  std::unique_ptr<Config> fresh() const override { return std::make_unique<Self>(); }
};

}  // namespace defound
