#include "llm/sqlite.h"

#include <fmt/format.h>
#include <llama4rec/error.h>
#include <sqlite3.h>

namespace llama4rec::llm {
namespace {

constexpr int kWaitMilliseconds = 2000;  // for another process's lock

}  // namespace

Database::Database(const std::filesystem::path& file) : file_(file) {
  if (sqlite3_open_v2(file.c_str(), &handle_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr) != SQLITE_OK) {
    const std::string reason = handle_ == nullptr ? "out of memory" : sqlite3_errmsg(handle_);
    sqlite3_close(handle_);
    throw InternalError(fmt::format("{}: cannot open the database: {}", file_.string(), reason));
  }
  sqlite3_busy_timeout(handle_, kWaitMilliseconds);
}

Database::~Database() { sqlite3_close(handle_); }

void Database::fail(const std::string& what) const {
  const int code = sqlite3_errcode(handle_);
  std::string hint;
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) hint = "; another process is using it";
  if (code == SQLITE_READONLY || code == SQLITE_CANTOPEN) hint = "; the file and its folder must be writable";
  if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT) hint = "; the file is damaged or no database: move it away";
  if (code == SQLITE_FULL) hint = "; the disk is full";
  throw InternalError(fmt::format("{}: cannot {}: {}{}", file_.string(), what, sqlite3_errmsg(handle_), hint));
}

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
    sqlite3_reset(statement_);
    database_.fail("read or write");
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
