// A provenance beside what it tells about: small JSON that a later stage reads before it uses a language model.
#pragma once

#include <filesystem>

#include <llama4rec/provenance.h>

namespace llama4rec::data {

/// Writes what and the interactions, as runs [first, last] of consecutive ones; atomically.
void write_provenance(const std::filesystem::path& file, const Provenance& provenance);

/// Reads what `write_provenance` wrote. DataError where it is missing, damaged, or of a data set of another size than
/// `interactions`.
Provenance read_provenance(const std::filesystem::path& file, std::int64_t interactions);

}  // namespace llama4rec::data
