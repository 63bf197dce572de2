#pragma once
#include <span>
#include <string>
#include <vector>

#include "defound/core/random.h"
#include "defound/data/image_table.h"
#include "defound/models/text_condition.h"

namespace defound {

struct RequestOptions {
  std::vector<std::string> prompt_templates = {"{label}"};
  bool compose_labels = false;   ///< labels that "|" joins make one prompt
  double label_drop = 0;         ///< probability of leaving a label out
};

/// What the rows of a training set ask the generator for: as they stand, and drawn anew for each sample under its id.
class TrainingRequests {
 public:
  /// Rejects (exit 2) options that a generator which knows labels only cannot follow.
  TrainingRequests(RequestOptions options, const ImageTable& training, bool reads_text);

  /// A row's own prompt, or its label in the first template; where no text is read, its label; "" without label.
  std::string plain(const ImageRow& row) const;
  /// All that a row may request where labels are neither composed nor dropped: the plain request, or one for each template.
  std::vector<std::string> possible(const ImageRow& row) const;
  /// The prompt of each class: that of its rows where they agree, else the template's.
  std::vector<LabelPrompt> label_prompts() const;
  /// Requests under which the samples `ids` are trained: template, order of the labels and dropped labels are drawn.
  std::vector<std::string> drawn(std::span<const uint64_t> ids, const Draws& draws) const;
  /// The plain request of another row for each id, any row being as likely.
  std::vector<std::string> of_other_rows(std::span<const uint64_t> ids, const Draws& draws) const;

 private:
  std::string draw_one(const ImageRow& row, RandomStream& stream) const;
  std::string label_text(const std::string& label) const;
  RequestOptions options_;
  ImageTable training_;
  bool reads_text_;
};

}  // namespace defound
