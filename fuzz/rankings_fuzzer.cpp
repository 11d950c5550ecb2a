// LAYERS: core evaluation
// Any bytes as a rankings and as a predictions file: either they are refused by a DataError in one line, or what was read is sound.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string_view>

#include <llama4rec/error.h>

#include "evaluation/rankings_file.h"
#include "fuzz_folder.h"

namespace {

void one_line_or_abort(const llama4rec::Error& error) {
  if (std::string_view(error.what()).find('\n') != std::string_view::npos) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const llama4rec::fuzz::FuzzFolder folder;
  const auto file = folder.write("dump.tsv", {reinterpret_cast<const char*>(data), size});
  try {
    std::set<std::string> users;
    for (const auto& ranking : llama4rec::evaluation::read_rankings(file)) {
      if (!users.insert(ranking.user).second) std::abort();
      if (std::set<std::string>(ranking.items.begin(), ranking.items.end()).size() != ranking.items.size())
        std::abort();
    }
  } catch (const llama4rec::DataError& error) {
    one_line_or_abort(error);
  }
  try {
    for (const auto& row : llama4rec::evaluation::read_predictions(file)) {
      if (!std::isfinite(row.prediction) || !std::isfinite(row.rating)) std::abort();
    }
  } catch (const llama4rec::DataError& error) {
    one_line_or_abort(error);
  }
  return 0;
}
