#include "llm/sqlite.h"

#include <sys/resource.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <llama4rec/error.h>
#include <sqlite3.h>

namespace llama4rec::llm {
namespace {

constexpr int kWaitMilliseconds = 2000;  // for another process's lock

bool file_sizes_are_limited() {
  rlimit limit{};
  return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

/// What to do about the last failure; nothing where nobody knows.
std::string advice(sqlite3* handle) {
  const int problem = sqlite3_system_errno(handle);
  switch (sqlite3_errcode(handle)) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "; another process is using it: wait for its end, then the same command resumes";
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return "; the file and its folder must be writable";
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return "; the file is damaged or no database: move it away";
    case SQLITE_FULL:
      return "; the disk is full: make room, then the same command resumes";
    case SQLITE_IOERR:
      // SQLite's clean-up may have lost the system's reason.
      if (problem == EFBIG || (problem == 0 && file_sizes_are_limited())) {
        return "; files may not become this large (ulimit -f): raise the limit, then the same command resumes";
      }
      if (problem == ENOSPC || problem == EDQUOT) return "; the disk is full: make room, then the same command resumes";
      return problem == 0 ? "" : fmt::format("; {}", std::strerror(problem));
    default:
      return "";
  }
}

}  // namespace

Database::Database(const std::filesystem::path& file) : file_(file) {
  if (sqlite3_open_v2(file.c_str(), &handle_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr) != SQLITE_OK) {
    const auto problem = handle_ == nullptr ? file_.string() + ": out of memory" : describe("open the database");
    sqlite3_close(handle_);
    throw InternalError(problem);
  }
  sqlite3_busy_timeout(handle_, kWaitMilliseconds);
}

Database::~Database() { sqlite3_close(handle_); }

std::string Database::describe(const std::string& what) const {
  return fmt::format("{}: cannot {}: {}{}", file_.string(), what, sqlite3_errmsg(handle_), advice(handle_));
}

void Database::fail(const std::string& what) const { throw InternalError(describe(what)); }

void Database::execute(const std::string& sql) {
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail("run \"" + sql + "\"");
}

Statement::Statement(Database& database, const std::string& sql) : database_(database) {
  if (sqlite3_prepare_v2(database.handle(), sql.c_str(), -1, &statement_, nullptr) != SQLITE_OK) {
    database.fail("prepare \"" + sql + "\"");
  }
}

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement& Statement::bind(int place, std::string_view text) {
  if (sqlite3_bind_text64(statement_, place, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8) != SQLITE_OK) {
    database_.fail("bind a text");
  }
  return *this;
}

Statement& Statement::bind(int place, std::int64_t value) {
  if (sqlite3_bind_int64(statement_, place, value) != SQLITE_OK) database_.fail("bind an integer");
  return *this;
}

Statement& Statement::bind(int place, double value) {
  if (sqlite3_bind_double(statement_, place, value) != SQLITE_OK) database_.fail("bind a number");
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code != SQLITE_ROW && code != SQLITE_DONE) {
    const auto problem = database_.describe("read or write");  // first: resetting takes the system's reason away
    sqlite3_reset(statement_);
    throw InternalError(problem);
  }
  return code == SQLITE_ROW;
}

void Statement::reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

std::string Statement::text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return bytes == nullptr ? std::string() : std::string(bytes, size);
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }

Transaction::~Transaction() {
  if (open_) sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace llama4rec::llm
