#include "augmentation/attribute_facts.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include <fmt/format.h>
#include <llama4rec/error.h>

#include "core/text.h"
#include "data/delimited.h"

namespace llama4rec::augmentation {
namespace {

const std::vector<std::string> kColumns = {"id", "title", "attribute", "answer", "fact", "verdict"};

std::string quoted(const std::string& field) {
  if (field.find_first_of(",\"\n\r") == std::string::npos) return field;
  std::string result = "\"";
  for (const char c : field) {
    if (c == '"') result.push_back('"');
    result.push_back(c);
  }
  return result + "\"";
}

bool share_a_value(const std::string& a, const std::string& b) {
  for (const auto one : text::split(a, "|")) {
    for (const auto other : text::split(b, "|")) {
      if (!one.empty() && text::lower(one) == text::lower(other)) return true;
    }
  }
  return false;
}

}  // namespace

AttributeFacts read_facts(const std::filesystem::path& file, const Dataset& dataset) {
  const auto source = data::read_source(file, "a table of facts");
  data::require_utf8(source, "save the table as UTF-8");
  data::DelimitedReader reader(source, ",", data::Quotes::kRfc4180);
  if (!reader.next())
    throw DataError(fmt::format("{}: no header, expected item_id or user_id, then attributes", source.name));
  AttributeFacts facts;
  const std::vector<std::string> header(reader.fields().begin(), reader.fields().end());
  if (header.front() != "item_id" && header.front() != "user_id") {
    reader.fail(0, fmt::format("the first column is \"{}\", expected item_id or user_id", header.front()));
  }
  facts.of_users = header.front() == "user_id";
  const auto& ids = facts.of_users ? dataset.user_ids : dataset.item_ids;
  std::unordered_map<std::string_view, std::size_t> place;
  for (std::size_t n = 0; n < ids.size(); ++n) place.emplace(ids[n], n);
  for (std::size_t column = 1; column < header.size(); ++column) {
    if (header[column].empty()) reader.fail(column, "a column without a name, expected an attribute's");
    if (!facts.cells.emplace(header[column], std::vector<std::string>(ids.size())).second) {
      reader.fail(column, fmt::format("the column \"{}\" is there twice", header[column]));
    }
  }
  if (header.size() == 1) reader.fail(0, "no column of an attribute behind the ids");
  std::set<std::string> seen;
  while (reader.next()) {
    const auto& fields = reader.fields();
    if (fields.size() != header.size()) {
      reader.fail(fields.size(), fmt::format("{} fields, expected {} as in the header", fields.size(), header.size()));
    }
    if (!seen.emplace(fields.front()).second)
      reader.fail(0, fmt::format("the id \"{}\" is there twice", fields.front()));
    const auto found = place.find(fields.front());
    if (found == place.end()) {
      ++facts.unknown_ids;
      continue;
    }
    for (std::size_t column = 1; column < header.size(); ++column) {
      facts.cells[header[column]][found->second] = text::trim(fields[column]);
    }
  }
  return facts;
}

Agreement compare_with_facts(const Dataset& dataset, bool of_users, const std::string& attribute,
                             const std::vector<std::string>& cells, const std::vector<std::string>& facts) {
  if (cells.size() != facts.size()) throw InternalError("facts and answers of different lengths");
  Agreement agreement;
  for (std::size_t n = 0; n < cells.size(); ++n) {
    if (facts[n].empty()) continue;
    if (cells[n].empty()) {
      ++agreement.unknown;
    } else if (share_a_value(cells[n], facts[n])) {
      ++agreement.agree;
    } else {
      ++agreement.wrong;
      agreement.disagreements.push_back({.id = of_users ? dataset.user_ids[n] : dataset.item_ids[n],
                                         .title = of_users ? "" : dataset.item_titles[n],
                                         .attribute = attribute,
                                         .answer = cells[n],
                                         .fact = facts[n],
                                         .verdict = ""});
    }
  }
  return agreement;
}

std::string disagreements_csv(const std::vector<Disagreement>& disagreements) {
  std::string text = text::join(kColumns, ",") + "\n";
  for (const auto& it : disagreements) {
    text += fmt::format("{},{},{},{},{},{}\n", quoted(it.id), quoted(it.title), quoted(it.attribute), quoted(it.answer),
                        quoted(it.fact), quoted(it.verdict));
  }
  return text;
}

std::vector<Disagreement> read_disagreements(const std::filesystem::path& file) {
  const auto source = data::read_source(file, "a table of disagreements");
  data::require_utf8(source, "save the table as UTF-8");
  data::DelimitedReader reader(source, ",", data::Quotes::kRfc4180);
  if (!reader.next() || !std::equal(reader.fields().begin(), reader.fields().end(), kColumns.begin(), kColumns.end())) {
    throw DataError(fmt::format("{}:1: expected the header {}", source.name, text::join(kColumns, ",")));
  }
  std::vector<Disagreement> result;
  while (reader.next()) {
    const auto& fields = reader.fields();
    if (fields.size() != kColumns.size()) {
      reader.fail(fields.size(), fmt::format("{} fields, expected {}", fields.size(), kColumns.size()));
    }
    std::string verdict = text::lower(text::trim(fields[5]));
    if (verdict == kUndecided) verdict.clear();
    if (!verdict.empty() && verdict != "agree" && verdict != "unknown" && verdict != "wrong") {
      reader.fail(5, fmt::format("the verdict is \"{}\", expected agree, unknown, wrong or nothing", fields[5]));
    }
    result.push_back({.id = std::string(fields[0]),
                      .title = std::string(fields[1]),
                      .attribute = std::string(fields[2]),
                      .answer = std::string(fields[3]),
                      .fact = std::string(fields[4]),
                      .verdict = verdict});
  }
  return result;
}

Agreement with_verdicts(Agreement agreement, const std::vector<Disagreement>& judged) {
  for (auto& it : agreement.disagreements) {
    const auto found = std::find_if(judged.begin(), judged.end(), [&](const Disagreement& other) {
      return other.id == it.id && other.attribute == it.attribute && other.answer == it.answer && other.fact == it.fact;
    });
    if (found == judged.end() || found->verdict.empty()) continue;
    --(it.verdict == kUndecided ? agreement.undecided : agreement.wrong);
    it.verdict = found->verdict;
    ++(it.verdict == "agree" ? agreement.agree : it.verdict == "unknown" ? agreement.unknown : agreement.wrong);
  }
  return agreement;
}

}  // namespace llama4rec::augmentation
