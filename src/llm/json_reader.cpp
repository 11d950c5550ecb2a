#include "llm/json_reader.h"

#include <cmath>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <llama4rec/error.h>
#include <nlohmann/json.hpp>

namespace llama4rec::llm {

using nlohmann::json;

namespace {

const json kMissing;

}  // namespace

JsonReader::JsonReader(const json& object, std::string file, std::string path)
    : object_(&object), file_(std::move(file)), path_(std::move(path)) {
  if (object.is_object()) return;
  if (path_.empty()) throw DataError({.file = file_}, "expected a JSON object");
  throw DataError({.file = file_},
                  fmt::format("key \"{}\" is {}, expected a JSON object", path_.substr(0, path_.size() - 1),
                              object.is_null() ? "missing" : describe(object)));
}

std::string JsonReader::path_of(const char* key) const { return path_ + key; }

bool JsonReader::has(const char* key) const { return !value(key).is_null(); }

const json& JsonReader::value(const char* key) const {
  const auto found = object_->find(key);
  return found == object_->end() ? kMissing : *found;
}

JsonReader JsonReader::object(const char* key) const { return {value(key), file_, path_of(key) + "."}; }

const json& JsonReader::list(const char* key) const {
  const auto& found = value(key);
  if (!found.is_array()) fail(key, "a list");
  return found;
}

std::int64_t JsonReader::integer(const char* key, std::int64_t minimum, std::int64_t maximum,
                                 std::int64_t fallback) const {
  const auto& found = value(key);
  if (found.is_null() && fallback >= 0) return fallback;
  if (!found.is_number_integer() || found < minimum || found > maximum) {
    fail(key, fmt::format("an integer from {} to {}", minimum, maximum));
  }
  return found.get<std::int64_t>();
}

double JsonReader::number(const char* key, double minimum, double maximum, double fallback) const {
  const auto& found = value(key);
  if (found.is_null() && !std::isnan(fallback)) return fallback;
  if (!found.is_number() || found.get<double>() < minimum || found.get<double>() > maximum) {
    fail(key, fmt::format("a number from {} to {}", minimum, maximum));
  }
  return found.get<double>();
}

bool JsonReader::boolean(const char* key, bool fallback) const {
  const auto& found = value(key);
  if (found.is_null()) return fallback;
  if (!found.is_boolean()) fail(key, "true or false");
  return found.get<bool>();
}

std::string JsonReader::text(const char* key) const {
  const auto& found = value(key);
  if (!found.is_string()) fail(key, "a text");
  return found.get<std::string>();
}

std::string JsonReader::one_of(const char* key, std::initializer_list<const char*> known) const {
  return has(key) ? choice(key, known) : *known.begin();
}

std::string JsonReader::choice(const char* key, std::initializer_list<const char*> known) const {
  const auto& found = value(key);
  for (const char* name : known) {
    if (found.is_string() && found.get_ref<const std::string&>() == name) return name;
  }
  fail(key, fmt::format("\"{}\"", fmt::join(std::vector<const char*>(known), "\" or \"")));
}

void JsonReader::expect(const char* key, const json& only) const {
  const auto& found = value(key);
  if (!found.is_null() && found != only) fail(key, describe(only) + " (nothing else is supported)");
}

void JsonReader::fail(const char* key, const std::string& expected) const {
  const auto& found = value(key);
  throw DataError({.file = file_}, fmt::format("key \"{}\" is {}, expected {}", path_of(key),
                                               found.is_null() ? "missing" : describe(found), expected));
}

std::string describe(const json& value) {
  constexpr std::size_t kLongest = 80;
  if (value.is_array()) return value.empty() ? "an empty list" : "a list";
  if (value.is_object()) return "an object";
  if (value.is_string() && value.get_ref<const std::string&>().size() > 4 * kLongest) return "a long text";
  auto text = value.dump(-1, ' ', true);
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  return text;
}

}  // namespace llama4rec::llm
