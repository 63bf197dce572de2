// JSON configs: the parser, then the strict reader over options of every type; what was read must survive being written and read again.
#include "defound/config/json.h"
#include "fuzz.h"

namespace {

struct EveryOption : defound::Config {
  bool on = false;
  int64_t count = 1;
  double rate = 0.5;
  std::string name = "a";
  std::vector<std::string> names;
  std::vector<int64_t> sizes;
  std::optional<int64_t> limit;
  std::optional<double> scale;

  void visit(defound::Visitor& v) override {
    v(defound::field("on", "a switch"), on);
    v(defound::field("count", "an integer").range(0, 100), count);
    v(defound::field("rate", "a share").range(0, 1), rate);
    v(defound::field("name", "a choice").one_of({"a", "b"}), name);
    v(defound::field("names", "texts"), names);
    v(defound::field("sizes", "integers").at_least(1), sizes);
    v(defound::field("limit", "an integer or null"), limit);
    v(defound::field("scale", "a number or null").may_change(), scale);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return defound::testing::accept_or_reject(data, size, [](std::string_view bytes) {
    const defound::Json values = defound::parse_json(std::string(bytes), "fuzz");
    EveryOption config, again;
    defound::from_json(config, values, "fuzz");
    defound::check_ranges(config);
    defound::from_json(again, defound::to_json(config), "fuzz");
    if (defound::to_json(again) != defound::to_json(config)) __builtin_trap();
    defound::changed_recipe(config, values);
  });
}
