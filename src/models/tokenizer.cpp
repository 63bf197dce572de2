#include "defound/models/tokenizer.h"

#include <algorithm>
#include <array>

#include "defound/config/json.h"
#include "defound/core/error.h"
#include "defound/models/prompt_words.h"

namespace defound {
namespace {

constexpr uint64_t kMostVocabularyBytes = uint64_t{1} << 26;
constexpr int64_t kMostTokens = 1 << 24, kLongestPrompt = 4096;
constexpr std::string_view kWordEnd = "</w>";

/// UTF-8 of the printable character that stands for a byte (openai/gpt-2, encoder.py bytes_to_unicode): itself where
/// Latin-1 has a printable one, else the next from U+0100 on.
const std::array<std::string, 256>& byte_characters() {
  static const std::array<std::string, 256> characters = [] {
    std::array<std::string, 256> made;
    unsigned next = 256;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
      const unsigned code = printable ? byte : next++;
      if (code < 128) made[byte] = {static_cast<char>(code)};
      else made[byte] = {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 63))};
    }
    return made;
  }();
  return characters;
}

uint64_t pair_key(int64_t left, int64_t right) { return static_cast<uint64_t>(left) << 32 | static_cast<uint64_t>(right); }

/// The text of a special token, which is a string or an object with "content"; "" when the key is not there.
std::string special_text(const Json& values, const std::string& key) {
  const auto found = values.find(key);
  if (found == values.end()) return "";
  if (found->is_string()) return found->get<std::string>();
  if (found->is_object() && found->contains("content") && (*found)["content"].is_string()) return (*found)["content"].get<std::string>();
  return "";
}

Json parsed(const std::map<std::string, std::string>& files, const std::string& name, const fs::path& folder) {
  const auto found = files.find(name);
  if (found == files.end()) return Json::object();
  Json values = parse_json(found->second, (folder / name).string());
  if (!values.is_object()) reject("{}: expected a JSON object {{...}}, found {}", (folder / name).string(), values.type_name());
  return values;
}

std::pair<std::string, std::string> split_merge(const std::string& line, const std::string& origin) {
  const size_t space = line.find(' ');
  if (space == 0 || space == std::string::npos || line.find(' ', space + 1) != std::string::npos || space + 1 == line.size())
    reject("{}: a merge is two tokens with a space between them, not '{}'", origin, line);
  return {line.substr(0, space), line.substr(space + 1)};
}

}  // namespace

Tokenizer Tokenizer::load(const fs::path& folder) {
  Tokenizer tokenizer;
  for (const char* name : {"vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"})
    if (is_there(folder / name)) tokenizer.files_[name] = read_text(folder / name, kMostVocabularyBytes);
  tokenizer.read_vocabulary(folder);
  tokenizer.read_special_tokens(folder);
  return tokenizer;
}

void Tokenizer::read_vocabulary(const fs::path& folder) {
  const bool apart = files_.contains("vocab.json") && files_.contains("merges.txt");
  if (!apart && !files_.contains("tokenizer.json")) reject("{} holds no tokenizer: vocab.json and merges.txt, or tokenizer.json", folder.string());
  const std::string origin = (folder / (apart ? "vocab.json" : "tokenizer.json")).string();
  Json vocabulary = parsed(files_, apart ? "vocab.json" : "tokenizer.json", folder), merges = Json::array();
  if (!apart) {
    const Json model = vocabulary.value("model", Json::object());
    if (!model.is_object() || model.value("type", Json("BPE")) != "BPE") reject("{}: the model is not BPE, as CLIP's is", origin);
    merges = model.value("merges", Json::array());
    vocabulary = model.value("vocab", Json::object());
  }
  if (!vocabulary.is_object() || vocabulary.empty()) reject("{} holds no tokens", origin);
  for (const auto& [token, id] : vocabulary.items()) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() >= kMostTokens) reject("{}: the id of '{}' is {}", origin, token, id.dump());
    ids_[token] = id.get<int64_t>();
    vocab_size_ = std::max(vocab_size_, ids_[token] + 1);
  }
  if (apart) {
    read_merges(files_.at("merges.txt"), (folder / "merges.txt").string());
    return;
  }
  for (const Json& merge : merges) {
    const bool pair = merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string();
    if (!pair && !merge.is_string()) reject("{}: merge {} is no pair of tokens", origin, merge.dump());
    const auto [left, right] = pair ? std::pair{merge[0].get<std::string>(), merge[1].get<std::string>()} : split_merge(merge.get<std::string>(), origin);
    add_merge(left, right, origin);
  }
}

void Tokenizer::read_merges(const std::string& text, const std::string& path) {
  int64_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    if (line.ends_with('\r')) line.pop_back();
    begin = end + 1;
    ++number;
    if (line.empty() || line.starts_with("#version")) continue;
    const std::string origin = fmt::format("{}:{}", path, number);
    const auto [left, right] = split_merge(line, origin);
    add_merge(left, right, origin);
  }
}

void Tokenizer::add_merge(const std::string& left, const std::string& right, const std::string& origin) {
  const Merge merge{static_cast<int64_t>(merges_.size()), id_of(left + right, origin)};
  merges_.emplace(pair_key(id_of(left, origin), id_of(right, origin)), merge);
}

int64_t Tokenizer::id_of(const std::string& token, const std::string& origin) const {
  const auto found = ids_.find(token);
  if (found == ids_.end()) reject("{}: the vocabulary has no token '{}'", origin, token);
  return found->second;
}

void Tokenizer::read_special_tokens(const fs::path& folder) {
  const Json config = parsed(files_, "tokenizer_config.json", folder), map = parsed(files_, "special_tokens_map.json", folder);
  const auto find = [&](const std::string& key, const std::string& standard) {
    std::string text = special_text(config, key);
    if (text.empty()) text = special_text(map, key);
    if (text.empty()) text = standard;
    return SpecialToken{text, id_of(text, folder.string())};
  };
  begin_ = find("bos_token", "<|startoftext|>");
  end_ = find("eos_token", "<|endoftext|>");
  unknown_ = find("unk_token", "<|endoftext|>");
  padding_ = find("pad_token", "<|endoftext|>");
  const auto length = config.find("model_max_length");  // transformers writes 1e30 for "unknown"
  if (length != config.end() && length->is_number_integer() && *length >= 3 && *length <= kLongestPrompt) max_length_ = length->get<int64_t>();
}

std::vector<int64_t> Tokenizer::encode(std::string_view text, bool* cut) const {
  std::vector<int64_t> ids{begin_.id};
  while (!text.empty()) {  // begin and end may stand in the text itself
    const size_t begin = text.find(begin_.text), end = text.find(end_.text), at = std::min(begin, end);
    encode_words(text.substr(0, at), ids);
    if (at == std::string_view::npos) break;
    const SpecialToken& token = end <= begin ? end_ : begin_;
    ids.push_back(token.id);
    text.remove_prefix(at + token.text.size());
  }
  if (ids.size() > static_cast<size_t>(max_length_ - 1)) {
    ids.resize(static_cast<size_t>(max_length_ - 1));
    if (cut) *cut = true;
  }
  ids.push_back(end_.id);
  ids.resize(static_cast<size_t>(max_length_), padding_.id);
  return ids;
}

void Tokenizer::encode_words(std::string_view text, std::vector<int64_t>& ids) const {
  for (const std::string& word : split_prompt(normalize_prompt(text))) {
    if (ids.size() >= static_cast<size_t>(max_length_)) return;
    encode_word(word, ids);
  }
}

void Tokenizer::encode_word(const std::string& word, std::vector<int64_t>& ids) const {
  std::vector<int64_t> parts;
  for (size_t i = 0; i < word.size(); ++i) {
    std::string token = byte_characters()[static_cast<unsigned char>(word[i])];
    if (i + 1 == word.size()) token += kWordEnd;
    const auto found = ids_.find(token);
    parts.push_back(found == ids_.end() ? unknown_.id : found->second);
  }
  for (;;) {  // the merge of lowest rank, wherever it applies
    const Merge* best = nullptr;
    uint64_t pair = 0;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto found = merges_.find(pair_key(parts[i], parts[i + 1]));
      if (found != merges_.end() && (!best || found->second.rank < best->rank)) best = &found->second, pair = found->first;
    }
    if (!best) break;
    size_t kept = 0;
    for (size_t i = 0; i < parts.size(); ++kept) {
      const bool merged = i + 1 < parts.size() && pair_key(parts[i], parts[i + 1]) == pair;
      parts[kept] = merged ? best->id : parts[i];
      i += merged ? 2 : 1;
    }
    parts.resize(kept);
  }
  ids.insert(ids.end(), parts.begin(), parts.end());
}

void Tokenizer::save(const fs::path& folder) const {
  make_folder(folder);
  for (const auto& [name, content] : files_) write_atomic(folder / name, content);
}

}  // namespace defound
