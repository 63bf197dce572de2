"""Goldens for models/tokenizer_test.cpp: prompts and the ids that transformers' CLIPTokenizer gives them.

    tokenizer.py                     write tests/goldens/tokenizer.json
    tokenizer.py --full TEST         run TEST (a program with the Tokenizer tests) against the whole vocabulary too

CLIP's vocabulary (49,408 tokens) comes from open_clip's bpe_simple_vocab_16e6.txt.gz. The golden keeps the tokens and
merges that its prompts need, under their ids: a merge that no prompt takes is never the lowest of a word, so leaving it
out changes nothing. --full writes vocab.json and merges.txt into a temporary folder for the test to load."""
import argparse
import gzip
import json
import os
import pathlib
import subprocess
import tempfile
import unicodedata

import open_clip
from transformers import CLIPTokenizer

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "tokenizer.json"
LENGTH = 77
LABELS = ["Normal fundus", "No referable glaucoma", "Referable glaucoma", "No Diabetic Retinopathy", "Mild Non-Proliferative Diabetic Retinopathy",
          "Moderate Non-Proliferative Diabetic Retinopathy", "Severe Non-Proliferative Diabetic Retinopathy", "Proliferative Diabetic Retinopathy",
          "age-related macular degeneration", "branch retinal vein occlusion", "epiretinal membrane", "macular hole", "pathologic myopia", "cataract",
          "hypertensive retinopathy", "papilledema", "pneumonia", "tuberculosis", "pleural effusion", "cardiomegaly"]
TEMPLATES = ["{}", "A clear DSLR fundus photo of {}", "a DSLR photo of {}", "{}, 45° field of view; OD"]
ODD = ["", " ", "\t\n ", "a", "A", "é", "e\u0301", "cafe\u0301 café", "naïve façade, Übergröße, straße STRASSE", "Ångström \u212b A\u030a",
       "İstanbul ıI iİ", "ΣΑΣ ὈΔΥΣΣΕΎΣ", "Ǆ ǅ ǆ", "ﬁnal ﬂow ﬀ", "Привет, мир!", "Глаукома — это", "糖尿病视网膜病变", "糖尿病網膜症の眼底写真", "한국어 안저 사진",
       "शिशु की आँख १२३", "عين مريض ٣٤٥", "עין שלום", "ไทย ตา", "ⅷ Ⅻ ①²½ ٣ ५ 〇", "x² + y³ = z₄", "🙂", "a🙂b 👁️‍🗨️ 👩‍⚕️", "🇨🇭🇨🇳", "♥️ ™ © ® €5 £3 ¥7",
       "it's", "IT'S", "we'll we're we've I'm he'd don't", "WE'LL WE'RE WE'VE I'M HE'D DON'T", "don’t ‘quoted’", "'s", "''s", "!'s", "rock'n'roll 'tis o'clock",
       "'sample 'telling 'red 'dear 'llama", "1", "12", "2024-11-25", "3.14159", "1e-5", "0x1F", "4K 8k 12px", "1,234,567.89", "a1b2c3", "№5", "5mm x 7mm",
       "a\x00b", "a\x01\x02b", "a\x1cb\x1db\x1eb\x1fb", "a\x7fb", "a\x85b", "a\u00a0b", "a\u1680b", "a\u2003b\u2009c", "a\u200bb", "a\u200db", "a\u2028b\u2029c",
       "a\u202fb", "a\u3000b", "a\ufeffb", "\ufeffa", "a\r\nb", "  leading", "trailing  ", "many     spaces\t\ttabs", "a\vb\fc", "soft\u00adhyphen",
       "a_b", "snake_case_label", "a-b--c---d", "...", "…", "!!!???", "(a) [b] {c} <d>", "C:\\path\\file.png", "https://example.org/a?b=c&d=%20", "a@b.org #tag",
       "$\\frac{1}{2}$", "<|startoftext|>", "<|endoftext|>", "a <|endoftext|> b", "x<|startoftext|>y!", "<|endoftext", "|endoftext|>", "a</w>b", "</w>", "<unk>",
       "\U0001d49c\U0001d4b7", "\U00020000\U0002a6d6", "\ue000", "\ufffd", "\u0301", "a\u0301\u0302\u0303", "\u1e9b\u0323", "\uac01 \u1100\u1161\u11a8", "ǰ ΐ ŉ",
       "Dž DŽ", "ŒUVRE œuvre Æ", "ĲSSELMEER", "Þórður ðÐ", "Łódź", "Đà Nẵng", "Çağrı", "ÿ Ÿ", "K Å Ω", "ß ẞ", "ꭰ Ꭰ", "Ა ა", "Ա ա և", "Ⓐ ⓐ", "Ａｂｃ１２",
       "word " * 74, "word " * 75, "word " * 76, "word " * 77, "word " * 200, "糖" * 40, "🙂" * 60, "a" * 300, "12345 " * 30, "pneumothorax " * 40,
       "A chest radiograph, posteroanterior view, of a 63-year-old woman with cardiomegaly, bilateral pleural effusions, Kerley B lines and cephalization; "
       "the aortic arch is calcified, the trachea is in the midline, no pneumothorax is seen, and a left-sided pacemaker with two leads is in place, "
       "its tips projecting over the right atrium and the apex of the right ventricle; compared with the study of last year."]


def prompts():
    made = [template.format(label) for template in TEMPLATES for label in LABELS] + ODD
    return list(dict.fromkeys(made))


def byte_characters():
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + i) for i in range(len(others))]


def write_folder(folder):
    source = pathlib.Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    merges = gzip.open(source, "rt", encoding="utf-8").read().split("\n")[1:49152 - 256 - 2 + 1]
    single = byte_characters()
    tokens = single + [c + "</w>" for c in single] + [merge.replace(" ", "") for merge in merges] + ["<|startoftext|>", "<|endoftext|>"]
    special = lambda text: dict(__type="AddedToken", content=text, lstrip=False, normalized=True, rstrip=False, single_word=False)
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    config = dict(tokenizer_class="CLIPTokenizer", model_max_length=LENGTH, do_lower_case=True, errors="replace", add_prefix_space=False,
                  bos_token=special("<|startoftext|>"), eos_token=special("<|endoftext|>"), unk_token=special("<|endoftext|>"), pad_token="<|endoftext|>")
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return tokens, merges


def needed_merges(merges, words):
    """The merges that these words (lists of single tokens) go through."""
    ranks, used = {tuple(merge.split(" ")): i for i, merge in enumerate(merges)}, set()
    for word in words:
        parts = list(word)
        while pairs := [(ranks[pair], i) for i, pair in enumerate(zip(parts, parts[1:])) if pair in ranks]:
            rank, i = min(pairs)
            used.add(rank)
            parts[i:i + 2] = [parts[i] + parts[i + 1]]
    return [merges[rank] for rank in sorted(used)]


def words_of(tokenizer, text):
    """The words of a prompt as lists of byte tokens, by the tokenizer's own steps."""
    backend = tokenizer.backend_tokenizer
    for word, _ in backend.pre_tokenizer.pre_tokenize_str(backend.normalizer.normalize_str(text)):
        yield [*word[:-1], word[-1] + "</w>"]


def main(test):
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        tokens, merges = write_folder(folder)
        tokenizer = CLIPTokenizer.from_pretrained(folder)
        cases = [dict(prompt=text, ids=tokenizer(text, padding="max_length", max_length=LENGTH, truncation=True).input_ids) for text in prompts()]
        kept = needed_merges(merges, {tuple(word) for case in cases for word in words_of(tokenizer, case["prompt"])})
        names = set(tokens[:512]) | {merge.replace(" ", "") for merge in kept} | {"<|startoftext|>", "<|endoftext|>"}
        vocabulary = {token: i for i, token in enumerate(tokens) if token in names}
        GOLDEN.write_text(json.dumps(dict(unicode=unicodedata.unidata_version, vocab=vocabulary, merges=kept, cases=cases), separators=(",", ":")))
        print(f"{len(tokens)} tokens, {len(cases)} prompts; the golden keeps {len(vocabulary)} tokens, {GOLDEN.stat().st_size} bytes")
        if test:
            subprocess.run([test, "--gtest_filter=Tokenizer*"], check=True, env=os.environ | {"DEFOUND_CLIP_TOKENIZER": temporary})
            print("the same ids with the whole vocabulary")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", metavar="TEST", help="a test program with the Tokenizer tests")
    main(parser.parse_args().full)
