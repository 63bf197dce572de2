#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace defound {

/// Text as CLIP's tokenizer sees it (transformers models/clip/tokenization_clip.py, normalizer): Unicode form C, each
/// run of white space one space, lower case character by character. Bytes that are no UTF-8 become U+FFFD.
std::string normalize_prompt(std::string_view text);

/// The words of a normalized prompt (ibid., pre_tokenizer): the contractions 's 't 're 've 'm 'll 'd, runs of letters
/// (general category L), single digits (category N), and runs of what is neither these nor white space.
std::vector<std::string> split_prompt(std::string_view normalized);

}  // namespace defound
