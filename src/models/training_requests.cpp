#include "defound/models/training_requests.h"

#include <fmt/ranges.h>

#include <set>

#include "defound/core/error.h"
#include "defound/diffusion/condition_mixing.h"

namespace defound {

TrainingRequests::TrainingRequests(RequestOptions options, const ImageTable& training, bool reads_text)
    : options_(std::move(options)), training_(training), reads_text_(reads_text) {
  const size_t templates = options_.prompt_templates.size();
  if (templates == 0) reject("prompt_template is empty; the usual one is {{label}}");
  if (reads_text) return;
  const char* hint = "but this generator knows labels only; start from one that reads text with --init";
  if (options_.compose_labels) reject("compose_labels makes prompts, {}", hint);
  if (templates > 1) reject("prompt_template is given {} times, {}", templates, hint);
}

std::string TrainingRequests::label_text(const std::string& label) const {
  return options_.compose_labels ? fmt::format("{}", fmt::join(co_occurring_labels(label), ", ")) : label;
}

std::string TrainingRequests::plain(const ImageRow& row) const {
  if (!reads_text_) return row.label < 0 ? "" : row.label_name;
  if (!row.prompt.empty()) return row.prompt;
  return row.label < 0 ? "" : prompt_of_label(label_text(row.label_name), options_.prompt_templates.front());
}

std::vector<std::string> TrainingRequests::possible(const ImageRow& row) const {
  if (row.label < 0 || !reads_text_ || !row.prompt.empty()) return {plain(row)};
  std::vector<std::string> requests;
  for (const std::string& prompt_template : options_.prompt_templates)
    requests.push_back(prompt_of_label(label_text(row.label_name), prompt_template));
  return requests;
}

std::vector<LabelPrompt> TrainingRequests::label_prompts() const {
  std::vector<std::set<std::string>> prompts(training_.classes.size());
  for (const ImageRow& row : training_.rows)
    if (row.label >= 0) prompts[static_cast<size_t>(row.label)].insert(plain(row));
  std::vector<LabelPrompt> labels;
  for (size_t i = 0; i < prompts.size(); ++i) {
    const std::string& label = training_.classes[i];
    labels.push_back({label, prompts[i].size() == 1 ? *prompts[i].begin()
                                                    : prompt_of_label(label_text(label), options_.prompt_templates.front())});
  }
  return labels;
}

std::string TrainingRequests::draw_one(const ImageRow& row, RandomStream& stream) const {
  if (row.label < 0 || (reads_text_ && !row.prompt.empty())) return plain(row);
  std::vector<std::string> labels =
      options_.compose_labels ? co_occurring_labels(row.label_name) : std::vector<std::string>{row.label_name};
  const std::string text = compose_labels(std::move(labels), options_.label_drop, stream);
  if (text.empty() || !reads_text_) return text;
  return prompt_of_label(text, options_.prompt_templates[stream.below(options_.prompt_templates.size())]);
}

std::vector<std::string> TrainingRequests::drawn(std::span<const uint64_t> ids, const Draws& draws) const {
  std::vector<std::string> requests;
  for (const uint64_t id : ids) {
    RandomStream stream = draws.stream(id);
    requests.push_back(draw_one(training_.rows[static_cast<size_t>(sample_index(id))], stream));
  }
  return requests;
}

std::vector<std::string> TrainingRequests::of_other_rows(std::span<const uint64_t> ids, const Draws& draws) const {
  std::vector<std::string> requests;
  for (const uint64_t id : ids) {
    const uint64_t other = draws.stream(id).below(training_.rows.size());
    requests.push_back(plain(training_.rows[other]));
  }
  return requests;
}

}  // namespace defound
