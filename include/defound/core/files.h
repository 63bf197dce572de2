#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace defound {

namespace fs = std::filesystem;

/// The whole file as bytes. Rejects (exit 2) a missing or unreadable file, or one above `most_bytes`, by name.
std::string read_text(const fs::path& path, uint64_t most_bytes = uint64_t{1} << 32);

/// Writes the whole content under a temporary name in the same folder, syncs and renames it: `path` is either the
/// old file or the whole new one. Fails (exit 1) naming the path and the system's reason (disk full, read-only, ...).
void write_atomic(const fs::path& path, std::string_view content);

/// The same for a product that a function writes: `write(temporary)` gets the temporary path (same extension).
void publish(const fs::path& path, const std::function<void(const fs::path& temporary)>& write);

/// The hidden name beside `path` under which this process writes it before it is published: ".NAME.PID.tmp.EXT".
fs::path temporary_path(const fs::path& path);

/// Whether a file's name is one under which some process writes, or wrote before it was killed, the file named `final_name`.
bool is_temporary_of(const std::string& name, const std::string& final_name);

struct NewFile {
  fs::path path;
  std::string content;
};

/// write_atomic for many small files at the price of one: the file system is synced once, when all of them stand under
/// their temporary names, and each folder once, when they have got their own. Fails (exit 1) as write_atomic does.
void publish_files(std::span<const NewFile> files);

/// Whether the path exists; an Error (exit 1) that names it and the reason when that cannot be told.
bool is_there(const fs::path& path);

/// Creates the folder and its parents. Rejects (exit 2) when one of them is a file, fails (exit 1) otherwise, naming path
/// and reason.
void make_folder(const fs::path& path);

/// Lower-case hexadecimal SHA-256 (FIPS 180-4) of a text, or of a file's content.
std::string sha256(std::string_view text);
std::string sha256_file(const fs::path& path);

/// The candidate nearest to `word` by edit distance; empty when none is near. For "did you mean".
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace defound
