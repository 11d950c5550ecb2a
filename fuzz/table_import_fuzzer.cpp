// LAYERS: data
// CSV, TSV and RecBole's atomic files; what is imported must survive the way through our folder.
#include <llama4rec/error.h>

#include "data/folder.h"
#include "data/table_import.h"
#include "fuzz_folder.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  static const llama4rec::fuzz::FuzzFolder folder;
  const auto parts = llama4rec::fuzz::parts_of(data + 1, size - 1, 3);
  llama4rec::data::ImportOptions options;
  options.typed_headers = (data[0] & 1U) != 0;
  options.quotes = (data[0] & 2U) == 0;
  options.latin1 = (data[0] & 4U) != 0;
  options.separator = (data[0] & 8U) != 0 ? "tab" : "";
  options.interactions = folder.write("x.csv", parts[0]);
  if (!parts[1].empty()) options.items = folder.write("items.csv", parts[1]);
  if (!parts[2].empty()) options.users = folder.write("users.csv", parts[2]);
  llama4rec::data::SourceData source;
  try {
    source = llama4rec::data::import_tables(options);
  } catch (const llama4rec::DataError&) {  // the documented answer to bad input
    return 0;
  }
  const auto out = folder.path() / "out";
  std::filesystem::remove_all(out);
  llama4rec::data::write_folder(source, out, llama4rec::data::Overwrite::kNo);
  const auto read = llama4rec::data::read_folder(out);  // whatever it throws is a finding
  if (read.dataset.item_titles != source.dataset.item_titles || read.dataset.user_ids != source.dataset.user_ids ||
      read.dataset.size() != source.dataset.size()) {
    std::abort();
  }
  return 0;
}
