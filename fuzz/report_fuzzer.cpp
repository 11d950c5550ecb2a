// LAYERS: report
// Any JSON as a report's document: either it is refused by an InternalError, or its texts add no element to the page.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include <llama4rec/error.h>

#include "report/report.h"

namespace {

std::size_t count(std::string_view text, std::string_view word) {
  std::size_t found = 0;
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) ++found;
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (count(text, "[") + count(text, "{") > 2000) return 0;  // depth belongs to the JSON library
  const auto document = nlohmann::json::parse(text, nullptr, false);
  if (document.is_discarded()) return 0;
  std::string page;
  try {
    page = llama4rec::report::render(document);
  } catch (const llama4rec::InternalError&) {
    return 0;
  }
  // Elements that no page of ours has.
  if (count(page, "<img") > 0 || count(page, "<iframe") > 0) std::abort();
  if (page.find("</html>") == std::string::npos) std::abort();
  return 0;
}
