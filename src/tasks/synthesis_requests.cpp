#include "synthesis_requests.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "defound/core/error.h"
#include "defound/data/load_table.h"
#include "defound/models/condition.h"
#include "defound/models/text_condition.h"

namespace defound {
namespace {

constexpr int64_t kMostOfALabel = 10000000;
constexpr std::string_view kLabelSlot = "{label}";

int64_t parse_count(const std::string& text, const std::string& origin) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > kMostOfALabel)
    reject("{}: '{}' is not a number of images from 0 to {}", origin, text, kMostOfALabel);
  return value;
}

std::vector<std::string> labels_in(const std::string& combination) {
  std::vector<std::string> labels;
  for (size_t begin = 0; begin <= combination.size();) {
    const size_t end = std::min(combination.find('|', begin), combination.size());
    labels.push_back(combination.substr(begin, end - begin));
    begin = end + 1;
  }
  return labels;
}

/// The sets of a job while they are collected.
class SetList {
 public:
  SetList(const SynthesizeConfig& config, const SynthesisGenerator& generator) : config_(config), generator_(generator) {
    check_templates();
    for (const std::string& label : generator.labels) add_label(label);
  }

  std::vector<RequestedSet> collect() {
    if (!config_.balance_to.empty()) balance();
    else count();
    add_prompts();
    check_folders();
    return std::move(sets_);
  }

 private:
  void check_templates() const {
    if (config_.prompt_template.empty()) return;
    if (!generator_.reads_text) reject("--prompt_template: the generator {} knows labels only", generator_.name);
    for (const std::string& text : config_.prompt_template)
      if (text.find(kLabelSlot) == std::string::npos)
        reject("--prompt_template '{}' does not hold {}", text, kLabelSlot);
  }

  void add_label(const std::string& label) { sets_.push_back({label, requests_for(label), label, 0}); }

  /// One request for each template; labels of a combination stand in one prompt, with commas between them.
  std::vector<std::string> requests_for(const std::string& label) const {
    const bool known = std::find(generator_.labels.begin(), generator_.labels.end(), label) != generator_.labels.end();
    const std::vector<std::string> names = known ? std::vector<std::string>{label} : labels_in(label);
    std::vector<std::string> requests;
    for (const std::string& text : config_.prompt_template)
      requests.push_back(prompt_of_label(fmt::format("{}", fmt::join(names, ", ")), text));
    if (!requests.empty()) return requests;
    std::vector<std::string> prompts;
    for (const std::string& name : names) prompts.push_back(generator_.request_for(name));
    return {fmt::format("{}", fmt::join(prompts, ", "))};
  }

  /// The set of a label that the user names: one that is known, or a combination of known ones.
  RequestedSet& set_of(const std::string& label) {
    const auto found = std::find_if(sets_.begin(), sets_.end(), [&](const RequestedSet& set) { return set.label == label; });
    if (found != sets_.end()) return *found;
    const std::vector<std::string> names = labels_in(label);
    const bool any_label = generator_.labels.empty() && !config_.prompt_template.empty();   // a text model as it is
    for (const std::string& name : names) {
      if (name.empty()) reject("--count {}: a label is empty", label);
      if (!any_label) index_of_label(name, generator_.labels);
    }
    if (std::set<std::string>(names.begin(), names.end()).size() != names.size())
      reject("--count {} names a label twice", label);
    if (names.size() > 1 && !generator_.reads_text)
      reject("--count {}: the generator {} was not trained on this combination and reads no text", label, generator_.name);
    add_label(label);
    sets_.back().folder = fmt::format("{}", fmt::join(names, "+"));
    return sets_.back();
  }

  void balance() {
    const std::string origin = "--balance_to " + config_.balance_to;
    if (config_.data.data.empty()) reject("--balance_to needs --data: the images that are counted");
    if (!config_.count.empty()) reject("{} and --count contradict each other; give one of them", origin);
    if (generator_.labels.empty() && config_.prompt_template.empty())
      reject("{}: the generator {} knows no labels; say with --prompt_template what those of --data are called in a prompt", origin,
             generator_.name);
    const ImageTable real = load_table(config_.data, {.classes = generator_.labels});
    const auto there = class_counts(real);
    const int64_t target = balance_target(origin, real.classes, there);
    for (size_t i = 0; i < there.size(); ++i) set_of(real.classes[i]).count = std::max<int64_t>(0, target - there[i]);
  }

  /// A number, or FACTORx:LABEL: so many times what there is of LABEL.
  int64_t balance_target(const std::string& origin, const std::vector<std::string>& labels, const std::vector<int64_t>& there) const {
    const std::string& text = config_.balance_to;
    const size_t times = text.find("x:");
    if (times == std::string::npos) return parse_count(text, origin);
    const int64_t target =
        parse_count(text.substr(0, times), origin) * there[index_of_label(text.substr(times + 2), labels)];
    if (target > kMostOfALabel) reject("{}: {} images of a label are more than {}", origin, target, kMostOfALabel);
    return target;
  }

  void count() {
    if (config_.count.empty() && config_.prompt.empty())
      reject("how many images? Give --count N, --count LABEL=N for each label ({}), --balance_to N with --data, or --prompt "
             "TEXT=N",
             fmt::join(generator_.labels, ", "));
    std::set<std::string> named;
    for (const auto& item : config_.count) {
      const std::string origin = "--count " + item;
      const size_t equals = item.rfind('=');
      const std::string label = item.substr(0, equals);
      if (equals == std::string::npos) {
        if (generator_.labels.empty()) reject("{}: the generator knows no labels; use --prompt TEXT=N", origin);
        for (size_t i = 0; i < generator_.labels.size(); ++i) sets_[i].count = parse_count(item, origin);
        continue;
      }
      if (!named.insert(label).second) reject("{}: {} is counted twice", origin, label);
      set_of(label).count = parse_count(item.substr(equals + 1), origin);
    }
  }

  void add_prompts() {
    if (!config_.prompt.empty() && !generator_.reads_text)
      reject("--prompt: the generator {} knows labels only; use --count LABEL=N", generator_.name);
    std::set<std::string> named;
    for (const auto& item : config_.prompt) {
      const size_t equals = item.rfind('=');
      if (equals == std::string::npos) reject("--prompt {}: expected TEXT=N", item);
      const std::string text = item.substr(0, equals), folder = fmt::format("prompt_{:03}", named.size());
      if (!named.insert(text).second) reject("--prompt {}: '{}' is asked for twice", item, text);
      sets_.push_back({"", {text}, folder, parse_count(item.substr(equals + 1), "--prompt " + item)});
    }
  }

  void check_folders() const {
    std::set<std::string> taken{"parts", "shards"};
    for (const RequestedSet& set : sets_) {
      if (set.folder.starts_with('.') || set.folder.find('/') != std::string::npos)
        reject("label '{}' cannot be the name of a folder", set.label);
      if (!taken.insert(set.folder).second)
        reject("label '{}' cannot have the folder {}: the name is taken in a synthetic set", set.title(), set.folder);
    }
  }

  const SynthesizeConfig& config_;
  const SynthesisGenerator& generator_;
  std::vector<RequestedSet> sets_;
};

}  // namespace

std::vector<RequestedSet> requested_sets(const SynthesizeConfig& config, const SynthesisGenerator& generator) {
  return SetList(config, generator).collect();
}

}  // namespace defound
