// Checked values out of a JSON object that another program wrote.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace llama4rec::llm {

/// Reads the values of one object. Every fault is a DataError of one line: the file, the key with its path, what stands there and what
/// was expected. A value that is null counts as missing. The document must outlive the reader.
class JsonReader {
 public:
  /// DataError where `object` is no JSON object. `path` of the object in the document, with a dot behind it; empty for the document.
  JsonReader(const nlohmann::json& object, std::string file, std::string path = "");

  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] std::string path_of(const char* key) const;
  [[nodiscard]] bool has(const char* key) const;
  /// The value as it is; null where it is missing.
  [[nodiscard]] const nlohmann::json& value(const char* key) const;
  [[nodiscard]] JsonReader object(const char* key) const;
  /// DataError where the value is no list.
  [[nodiscard]] const nlohmann::json& list(const char* key) const;

  /// A negative `fallback`: the key must be there.
  [[nodiscard]] std::int64_t integer(const char* key, std::int64_t minimum, std::int64_t maximum,
                                     std::int64_t fallback) const;
  /// Without `fallback` (NaN) the key must be there.
  [[nodiscard]] double number(const char* key, double minimum, double maximum,
                              double fallback = std::numeric_limits<double>::quiet_NaN()) const;
  [[nodiscard]] bool boolean(const char* key, bool fallback) const;
  [[nodiscard]] std::string text(const char* key) const;
  /// One of some texts.
  [[nodiscard]] std::string choice(const char* key, std::initializer_list<const char*> known) const;
  /// The same; the first where the key is missing.
  [[nodiscard]] std::string one_of(const char* key, std::initializer_list<const char*> known) const;
  /// The value is missing or the one that we support.
  void expect(const char* key, const nlohmann::json& only) const;

  [[noreturn]] void fail(const char* key, const std::string& expected) const;

 private:
  const nlohmann::json* object_;
  std::string file_;
  std::string path_;
};

/// A value in a message: one line, short whatever it holds.
std::string describe(const nlohmann::json& value);

}  // namespace llama4rec::llm
