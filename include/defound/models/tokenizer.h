#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "defound/core/files.h"

namespace defound {

/// CLIP's byte-pair tokenizer (Radford et al., ICML 2021; transformers' CLIPTokenizer): the same ids for the same files.
class Tokenizer {
 public:
  /// Reads a tokenizer/ folder: vocab.json and merges.txt, or tokenizer.json with both in it; special tokens and length
  /// from tokenizer_config.json and special_tokens_map.json where they are there. Rejects (exit 2), by file, what is
  /// missing or does not fit together.
  static Tokenizer load(const fs::path& folder);

  /// max_length() ids: begin, the text's, end, padding. What is too long is cut, the end is kept; `cut` then becomes true.
  std::vector<int64_t> encode(std::string_view text, bool* cut = nullptr) const;
  int64_t max_length() const { return max_length_; }
  /// One more than the largest id.
  int64_t vocab_size() const { return vocab_size_; }
  int64_t end_id() const { return end_.id; }

  /// The files that it was read from: name, content.
  const std::map<std::string, std::string>& files() const { return files_; }
  /// Writes them into another folder.
  void save(const fs::path& folder) const;

 private:
  struct SpecialToken {
    std::string text;
    int64_t id = 0;
  };
  void read_vocabulary(const fs::path& folder);
  void read_merges(const std::string& text, const std::string& path);
  void read_special_tokens(const fs::path& folder);
  void add_merge(const std::string& left, const std::string& right, const std::string& origin);
  int64_t id_of(const std::string& token, const std::string& origin) const;
  void encode_words(std::string_view text, std::vector<int64_t>& ids) const;
  void encode_word(const std::string& word, std::vector<int64_t>& ids) const;

  std::map<std::string, std::string> files_;                                    // name, content
  std::unordered_map<std::string, int64_t> ids_;
  struct Merge {
    int64_t rank = 0, id = 0;
  };
  std::unordered_map<uint64_t, Merge> merges_;                                  // by the ids of the two parts
  SpecialToken begin_, end_, unknown_, padding_;
  int64_t max_length_ = 77, vocab_size_ = 0;
};

}  // namespace defound
