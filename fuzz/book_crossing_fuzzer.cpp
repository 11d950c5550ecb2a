// LAYERS: data
// Book-Crossing's three files, cut out of one input; headers are put in front so that rows are reached.
#include <llama4rec/error.h>

#include <algorithm>

#include "data/book_crossing.h"
#include "fuzz_folder.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const llama4rec::fuzz::FuzzFolder folder;
  const auto parts = llama4rec::fuzz::parts_of(data, size, 3);
  const bool bare = size > 0 && data[0] == '!';  // such inputs bring their own headers
  const auto with = [&](const char* header, std::string_view text) {
    return bare ? std::string(text.substr(std::min<std::size_t>(1, text.size()))) : header + std::string(text);
  };
  (void)folder.write("BX-Book-Ratings.csv", with("\"User-ID\";\"ISBN\";\"Book-Rating\"\n", parts[0]));
  (void)folder.write("BX-Books.csv",
                     with("\"ISBN\";\"Book-Title\";\"Book-Author\";\"Year-Of-Publication\";\"Publisher\"\n", parts[1]));
  (void)folder.write("BX-Users.csv", with("\"User-ID\";\"Location\";\"Age\"\n", parts[2]));
  try {
    auto source = llama4rec::data::read_book_crossing(folder.path());
    (void)llama4rec::data::assemble(std::move(source), {.core = 2, .positive_threshold = 8});
  } catch (const llama4rec::DataError&) {  // the documented answer to bad input
  }
  return 0;
}
