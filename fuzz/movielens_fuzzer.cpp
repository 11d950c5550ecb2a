// LAYERS: data
// MovieLens 100K and 1M: four files cut out of one input. Only DataError may leave the readers.
#include <llama4rec/error.h>

#include "data/movielens.h"
#include "fuzz_folder.h"

namespace {

template <class Read>
void try_read(Read&& read) {
  try {
    auto source = read();
    (void)llama4rec::data::assemble(std::move(source), {.core = 2, .positive_threshold = 4});
  } catch (const llama4rec::DataError&) {  // the documented answer to bad input
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const llama4rec::fuzz::FuzzFolder folder;
  const auto parts = llama4rec::fuzz::parts_of(data, size, 4);
  (void)folder.write("u.data", parts[0]);
  (void)folder.write("u.item", parts[1]);
  (void)folder.write("u.user", parts[2]);
  (void)folder.write("u.genre",
                     parts[3].empty()
                         ? "unknown|0\nA|1\nB|2\nC|3\nD|4\nE|5\nF|6\nG|7\nH|8\nI|9\nJ|10\nK|11\nL|12\nM|13\nN|14\n"
                           "O|15\nP|16\nQ|17\nR|18\n"
                         : parts[3]);
  try_read([&] { return llama4rec::data::read_movielens_100k(folder.path()); });
  (void)folder.write("ratings.dat", parts[0]);
  (void)folder.write("movies.dat", parts[1]);
  (void)folder.write("users.dat", parts[2]);
  try_read([&] { return llama4rec::data::read_movielens_1m(folder.path()); });
  return 0;
}
