// LAYERS: data
// Our folder format: four files cut out of one input.
#include <llama4rec/error.h>

#include "data/folder.h"
#include "fuzz_folder.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const llama4rec::fuzz::FuzzFolder folder;
  const auto parts = llama4rec::fuzz::parts_of(data, size, 4);
  (void)folder.write("interactions.tsv", parts[0]);
  (void)folder.write("items.tsv", parts[1]);
  (void)folder.write("users.tsv", parts[2]);
  (void)folder.write("dataset.json",
                     parts[3].empty()
                         ? "{\"format\":\"llama4rec-dataset\",\"version\":1,\"name\":\"x\",\"synthetic\":false,"
                           "\"item_noun\":\"item\",\"rating\":{\"minimum\":1,\"maximum\":5,\"step\":1},"
                           "\"positive_threshold\":4,\"core\":0,\"has_timestamps\":true,\"explicit_split\":false,"
                           "\"users\":1,\"items\":1,\"interactions\":1,\"notices\":[]}"
                         : parts[3]);
  try {
    auto source = llama4rec::data::read_folder(folder.path());
    (void)llama4rec::data::assemble(std::move(source), {});
  } catch (const llama4rec::DataError&) {  // the documented answer to bad input
  }
  return 0;
}
