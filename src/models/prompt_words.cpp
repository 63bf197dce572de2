#include "defound/models/prompt_words.h"

#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

#include "defound/core/error.h"

namespace defound {
namespace {

enum class CharacterKind { kSpace, kLetter, kDigit, kOther };

CharacterKind kind_of(UChar32 character) {
  if (u_isUWhiteSpace(character)) return CharacterKind::kSpace;
  const uint32_t category = U_GET_GC_MASK(character);
  if (category & U_GC_L_MASK) return CharacterKind::kLetter;
  return category & U_GC_N_MASK ? CharacterKind::kDigit : CharacterKind::kOther;
}

/// The length of a contraction at the beginning of `text`; 0 when there is none.
size_t contraction_at(std::string_view text) {
  for (const std::string_view ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
    if (text.starts_with(ending)) return ending.size();
  return 0;
}

/// The character at `at`, which moves behind it.
UChar32 next_character(std::string_view text, size_t& at) {
  UChar32 character = 0;
  U8_NEXT_OR_FFFD(reinterpret_cast<const uint8_t*>(text.data()), at, text.size(), character);
  return character;
}

}  // namespace

std::string normalize_prompt(std::string_view text) {
  constexpr size_t kMostBytes = size_t{1} << 20;
  if (text.size() > kMostBytes) reject("a prompt of {} bytes is longer than {}", text.size(), kMostBytes);
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* composed = icu::Normalizer2::getNFCInstance(status);
  if (U_FAILURE(status)) fail("ICU has no data for Unicode form C: {}", u_errorName(status));
  const icu::UnicodeString unicode = composed->normalize(icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<int32_t>(text.size()))), status);
  if (U_FAILURE(status)) fail("a prompt was not brought to Unicode form C: {}", u_errorName(status));
  icu::UnicodeString clean;
  bool after_space = false;
  for (int32_t i = 0; i < unicode.length(); i = unicode.moveIndex32(i, 1)) {
    const UChar32 character = unicode.char32At(i);
    const bool space = u_isUWhiteSpace(character);
    // alone, so that the reference's rule holds: no final sigma
    if (!space) clean.append(icu::UnicodeString(character).toLower(icu::Locale::getRoot()));
    else if (!after_space) clean.append(static_cast<UChar32>(' '));
    after_space = space;
  }
  std::string utf8;
  return clean.toUTF8String(utf8);
}

std::vector<std::string> split_prompt(std::string_view text) {
  std::vector<std::string> words;
  for (size_t begin = 0; begin < text.size();) {
    if (const size_t length = contraction_at(text.substr(begin))) {
      words.emplace_back(text.substr(begin, length));
      begin += length;
      continue;
    }
    size_t end = begin;
    const CharacterKind kind = kind_of(next_character(text, end));
    if (kind == CharacterKind::kLetter || kind == CharacterKind::kOther)
      for (size_t next = end; next < text.size() && kind_of(next_character(text, next)) == kind;) end = next;
    if (kind != CharacterKind::kSpace) words.emplace_back(text.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

}  // namespace defound
