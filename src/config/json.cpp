#include "defound/config/json.h"

#include <fmt/ranges.h>

#include <set>

#include "defound/core/error.h"
#include "defound/core/files.h"

namespace defound {
namespace {

/// Collects the names of all fields.
class Names : public Visitor {
 public:
  std::vector<std::string> names;
  void operator()(const Field& f, bool&) override { names.push_back(f.name); }
  void operator()(const Field& f, int64_t&) override { names.push_back(f.name); }
  void operator()(const Field& f, double&) override { names.push_back(f.name); }
  void operator()(const Field& f, std::string&) override { names.push_back(f.name); }
  void operator()(const Field& f, std::vector<std::string>&) override { names.push_back(f.name); }
  void operator()(const Field& f, std::vector<int64_t>&) override { names.push_back(f.name); }
  void operator()(const Field& f, std::optional<int64_t>&) override { names.push_back(f.name); }
  void operator()(const Field& f, std::optional<double>&) override { names.push_back(f.name); }
};

class Reader : public Visitor {
 public:
  Reader(const Json& values, const std::string& origin) : values_(values), origin_(origin) {}

  void operator()(const Field& f, bool& value) override {
    if (const Json* json = find(f)) value = json->is_boolean() ? json->get<bool>() : wrong<bool>(f, *json, "true or false");
  }
  void operator()(const Field& f, int64_t& value) override {
    if (const Json* json = find(f)) value = integer(f, *json);
  }
  void operator()(const Field& f, double& value) override {
    if (const Json* json = find(f)) value = number(f, *json);
  }
  void operator()(const Field& f, std::string& value) override {
    const Json* json = find(f);
    if (!json) return;
    if (f.number_is_text && json->is_number()) value = json->dump();
    else value = json->is_string() ? json->get<std::string>() : wrong<std::string>(f, *json, f.number_is_text ? "a text or a number" : "a text");
  }
  void operator()(const Field& f, std::vector<std::string>& value) override {
    if (const Json* json = find(f)) {
      value.clear();
      if (json->is_string()) return value.push_back(json->get<std::string>());
      if (!json->is_array()) wrong<int>(f, *json, "a list of texts");
      for (const auto& item : *json) value.push_back(item.is_string() ? item.get<std::string>() : wrong<std::string>(f, item, "a list of texts"));
    }
  }
  void operator()(const Field& f, std::vector<int64_t>& value) override {
    if (const Json* json = find(f)) {
      value.clear();
      if (json->is_number()) return value.push_back(integer(f, *json));
      if (!json->is_array()) wrong<int>(f, *json, "a list of integers");
      for (const auto& item : *json) value.push_back(integer(f, item));
    }
  }
  void operator()(const Field& f, std::optional<int64_t>& value) override {
    if (const Json* json = find(f)) value = json->is_null() ? std::nullopt : std::optional<int64_t>(integer(f, *json));
  }
  void operator()(const Field& f, std::optional<double>& value) override {
    if (const Json* json = find(f)) value = json->is_null() ? std::nullopt : std::optional<double>(number(f, *json));
  }

 private:
  const Json* find(const Field& f) const {
    const auto at = values_.find(f.name);
    return at == values_.end() ? nullptr : &*at;
  }
  template <class T>
  T wrong(const Field& f, const Json& json, const char* expected) const {
    reject("{}: \"{}\" must be {}, not {}", origin_, f.name, expected, json.dump().substr(0, 80));
  }
  int64_t integer(const Field& f, const Json& json) const {
    if (!json.is_number_integer()) return wrong<int64_t>(f, json, "an integer");
    if (json.is_number_unsigned() && json.get<uint64_t>() > INT64_MAX) return wrong<int64_t>(f, json, "an integer below 2^63");
    return json.get<int64_t>();
  }
  double number(const Field& f, const Json& json) const { return json.is_number() ? json.get<double>() : wrong<double>(f, json, "a number"); }

  const Json& values_;
  const std::string& origin_;
};

class Writer : public Visitor {
 public:
  Json values = Json::object();
  bool execution = true;  ///< also fields that may change between starts
  void operator()(const Field& f, bool& v) override { set(f, v); }
  void operator()(const Field& f, int64_t& v) override { set(f, v); }
  void operator()(const Field& f, double& v) override { set(f, v); }
  void operator()(const Field& f, std::string& v) override { set(f, v); }
  void operator()(const Field& f, std::vector<std::string>& v) override { set(f, v); }
  void operator()(const Field& f, std::vector<int64_t>& v) override { set(f, v); }
  void operator()(const Field& f, std::optional<int64_t>& v) override { v ? set(f, *v) : set(f, nullptr); }
  void operator()(const Field& f, std::optional<double>& v) override { v ? set(f, *v) : set(f, nullptr); }

 private:
  template <class T>
  void set(const Field& f, const T& value) {
    if (execution || !f.execution) values[f.name] = value;
  }
};

class RangeCheck : public Visitor {
 public:
  void operator()(const Field&, bool&) override {}
  void operator()(const Field& f, int64_t& v) override { check(f, static_cast<double>(v), std::to_string(v)); }
  void operator()(const Field& f, double& v) override { check(f, v, fmt::format("{}", v)); }
  void operator()(const Field& f, std::string& v) override { choice(f, v); }
  void operator()(const Field& f, std::vector<std::string>& v) override { for (auto& item : v) choice(f, item); }
  void operator()(const Field& f, std::vector<int64_t>& v) override { for (auto item : v) check(f, static_cast<double>(item), std::to_string(item)); }
  void operator()(const Field& f, std::optional<int64_t>& v) override { if (v) (*this)(f, *v); }
  void operator()(const Field& f, std::optional<double>& v) override { if (v) (*this)(f, *v); }

 private:
  static void check(const Field& f, double value, const std::string& shown) {
    if (value >= f.least && value <= f.most) return;  // false for NaN too
    if (f.most == std::numeric_limits<double>::infinity()) reject("{} is {}; it must be at least {}", f.name, shown, f.least);
    reject("{} is {}; it must lie in {}..{}", f.name, shown, f.least, f.most);
  }
  static void choice(const Field& f, const std::string& value) {
    if (f.choices.empty() || std::find(f.choices.begin(), f.choices.end(), value) != f.choices.end()) return;
    const std::string near = nearest(value, f.choices);
    reject("{} is '{}'; it must be one of {}{}", f.name, value, fmt::format("{}", fmt::join(f.choices, ", ")),
           near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near));
  }
};

/// Rejects what nlohmann's parser lets pass: doubled keys and deep nesting.
struct StrictEvents {
  const std::string& origin;
  std::vector<std::set<std::string>> open = {};
  bool operator()(int depth, Json::parse_event_t event, Json& value) {
    if (depth > 64) reject("{}: nested deeper than 64 levels", origin);
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event == Json::parse_event_t::key && !open.back().insert(value.get<std::string>()).second)
      reject("{}: key \"{}\" stands twice", origin, value.get<std::string>());
    return true;
  }
};

}  // namespace

Json parse_json(const std::string& text, const std::string& origin) {
  if (text.find('\0') != std::string::npos) reject("{}: not valid JSON (it holds a NUL byte)", origin);  // the parser would stop there
  auto events = std::make_shared<StrictEvents>(StrictEvents{origin});
  try {
    return Json::parse(text, [events](int depth, Json::parse_event_t event, Json& value) { return (*events)(depth, event, value); });
  } catch (const Json::parse_error& e) {
    const size_t at = std::min<size_t>(e.byte, text.size());
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
    reject("{}:{}: not valid JSON ({})", origin, line, std::string(e.what()).substr(0, 160));
  } catch (const Json::out_of_range& e) {  // 1e999
    reject("{}: a number is too large ({})", origin, std::string(e.what()).substr(0, 160));
  }
}

void from_json(Config& config, const Json& values, const std::string& origin, UnknownKeys unknown) {
  if (!values.is_object()) reject("{}: expected a JSON object {{...}}, found {}", origin, values.type_name());
  if (unknown == UnknownKeys::kReject) {
    Names known;
    config.visit(known);
    for (const auto& [key, value] : values.items()) {
      if (key.starts_with("_") || std::find(known.names.begin(), known.names.end(), key) != known.names.end()) continue;
      const std::string near = nearest(key, known.names);
      reject("{}: unknown key \"{}\"{}", origin, key, near.empty() ? "; --help lists the valid ones" : fmt::format("; did you mean \"{}\"?", near));
    }
  }
  Reader reader(values, origin);
  config.visit(reader);
}

Json to_json(Config& config) {
  Writer writer;
  config.visit(writer);
  return writer.values;
}

void check_ranges(Config& config) {
  RangeCheck check;
  config.visit(check);
}

namespace {

/// What may not change between starts of one run.
Json recipe_of(Config& config) {
  Writer writer;
  writer.execution = false;
  config.visit(writer);
  return writer.values;
}

}  // namespace

std::vector<std::string> changed_recipe(Config& config, const Json& before) {
  const auto fresh = config.fresh();
  const Json now = recipe_of(config), defaults = fresh ? recipe_of(*fresh) : Json::object();
  std::vector<std::string> changes;
  for (const auto& [key, value] : now.items()) {
    const auto old = before.find(key), otherwise = defaults.find(key);
    if (old != before.end() ? *old == value : otherwise != defaults.end() && *otherwise == value) continue;
    changes.push_back(fmt::format("{}: {} -> {}", key, old == before.end() ? "(not set)" : old->dump(), value.dump()));
  }
  return changes;
}

std::vector<std::string> missing_keys(Config& config, const Json& before) {
  const Json recipe = recipe_of(config);
  std::vector<std::string> names;
  for (const auto& [key, value] : recipe.items()) if (!before.contains(key)) names.push_back(key);
  return names;
}

}  // namespace defound
