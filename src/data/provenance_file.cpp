#include "data/provenance_file.h"

#include <fmt/format.h>
#include <llama4rec/error.h>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/json_text.h"

namespace llama4rec::data {

void write_provenance(const std::filesystem::path& file, const Provenance& provenance) {
  auto runs = nlohmann::json::array();
  for (const InteractionIndex interaction : provenance.interactions.members()) {
    if (!runs.empty() && runs.back()[1] == interaction - 1) {
      runs.back()[1] = interaction;
    } else {
      runs.push_back({interaction, interaction});
    }
  }
  const nlohmann::json document = {
      {"what", provenance.what}, {"universe", provenance.interactions.universe()}, {"interactions", std::move(runs)}};
  write_file_atomically(file, document.dump() + "\n");
}

Provenance read_provenance(const std::filesystem::path& file, std::int64_t interactions) {
  const auto document = parse_json(read_file(file), file.string());
  const auto fail = [&](const std::string& expected) -> void {
    throw DataError({.file = file.string()}, "a damaged provenance: expected " + expected);
  };
  try {
    Provenance provenance{.what = document.at("what").get<std::string>(), .interactions = InteractionSet(interactions)};
    if (document.at("universe") != interactions) fail(fmt::format("a data set of {} interactions", interactions));
    for (const auto& run : document.at("interactions")) {
      const auto first = run.at(0).get<InteractionIndex>();
      const auto last = run.at(1).get<InteractionIndex>();
      if (first < 0 || last < first || last >= interactions) fail("runs of interactions inside the data set");
      for (InteractionIndex i = first; i <= last; ++i) provenance.interactions.insert(i);
    }
    return provenance;
  } catch (const nlohmann::json::exception&) {
    fail("\"what\", \"universe\" and \"interactions\"");
  }
  return {};
}

}  // namespace llama4rec::data
