// The floor under the bench "commit": the same statements on the same files in a plain C loop, one
// thread per core, without capture, journal or fsync. Prints one JSON object.
//
//   cc -O2 loop.c -lsqlite3 -lpthread -o loop && ./loop SECONDS DIRECTORY
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TENANTS = 100, FILES = 2 };

static const char *ledger_schema =
    "CREATE TABLE state(id INTEGER PRIMARY KEY NOT NULL, applied_seq INTEGER NOT NULL,"
    " digest BLOB NOT NULL) STRICT;"
    "INSERT INTO state VALUES(1, 0, zeroblob(16));"
    "CREATE TABLE wallet(id INTEGER PRIMARY KEY NOT NULL, balance_micros INTEGER NOT NULL"
    " CHECK(balance_micros >= 0)) STRICT;"
    "INSERT INTO wallet VALUES(1, 1000000000000000);"
    "CREATE TABLE usage_events(id INTEGER PRIMARY KEY NOT NULL, at INTEGER NOT NULL,"
    " kind INTEGER NOT NULL, price_id INTEGER NOT NULL, amount_micros INTEGER NOT NULL) STRICT;";
static const char *messages_schema =
    "CREATE TABLE state(id INTEGER PRIMARY KEY NOT NULL, applied_seq INTEGER NOT NULL,"
    " digest BLOB NOT NULL) STRICT;"
    "INSERT INTO state VALUES(1, 0, zeroblob(16));"
    "CREATE TABLE messages(id INTEGER PRIMARY KEY NOT NULL, at INTEGER NOT NULL,"
    " recipient TEXT NOT NULL, state INTEGER NOT NULL, body TEXT NOT NULL) STRICT;";
static const char *body =
    "{\"template\":\"order_ok\",\"parameters\":[\"0123456789012345678901234567890123456789"
    "012345678901234567890123456789\"]}";

struct tenant {
  sqlite3 *files[FILES];
  sqlite3_stmt *begin[FILES], *commit[FILES], *state[FILES];
  sqlite3_stmt *debit, *usage, *message;
  sqlite3_int64 sequence;
};

struct work {
  struct tenant *tenants;
  int from, to;
  double seconds;
  long operations;
};

static void check(int result, sqlite3 *db) {
  if (result == SQLITE_OK || result == SQLITE_ROW || result == SQLITE_DONE) return;
  fprintf(stderr, "SQLite: %s\n", sqlite3_errmsg(db));
  exit(1);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql) {
  sqlite3_stmt *statement = NULL;
  check(sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL), db);
  return statement;
}

static void run(sqlite3_stmt *statement) {
  check(sqlite3_step(statement), sqlite3_db_handle(statement));
  sqlite3_reset(statement);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void open_tenant(struct tenant *tenant, const char *directory, int index) {
  const char *names[FILES] = {"ledger", "messages"};
  const char *schemas[FILES] = {ledger_schema, messages_schema};
  for (int file = 0; file < FILES; file++) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%d-%s.sqlite", directory, index, names[file]);
    sqlite3 *db = NULL;
    check(sqlite3_open_v2(path, &db,
                          SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL),
          db);
    check(sqlite3_exec(db, "PRAGMA page_size=1024; PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;", 0, 0, 0), db);
    check(sqlite3_exec(db, schemas[file], 0, 0, 0), db);
    tenant->files[file] = db;
    tenant->begin[file] = prepare(db, "BEGIN");
    tenant->commit[file] = prepare(db, "COMMIT");
    tenant->state[file] = prepare(db, "UPDATE state SET applied_seq = ?1, digest = ?2 WHERE id = 1");
  }
  tenant->debit = prepare(tenant->files[0],
                          "UPDATE wallet SET balance_micros = balance_micros - 50000"
                          " WHERE id = 1 AND balance_micros >= 50000");
  tenant->usage = prepare(tenant->files[0],
                          "INSERT INTO usage_events(id, at, kind, price_id, amount_micros)"
                          " VALUES(?1, 1795435200000, 1, 7, 50000)");
  tenant->message = prepare(tenant->files[1],
                            "INSERT INTO messages(id, at, recipient, state, body)"
                            " VALUES(?1, 1795435200000, '+4915112345678', 1, ?2)");
}

static void operate(struct tenant *tenant) {
  sqlite3_int64 sequence = ++tenant->sequence;
  unsigned char digest[16] = {0};
  memcpy(digest, &sequence, sizeof sequence);
  for (int file = 0; file < FILES; file++) run(tenant->begin[file]);
  run(tenant->debit);
  sqlite3_bind_int64(tenant->usage, 1, sequence);
  run(tenant->usage);
  sqlite3_bind_int64(tenant->message, 1, sequence);
  sqlite3_bind_text(tenant->message, 2, body, -1, SQLITE_STATIC);
  run(tenant->message);
  for (int file = 0; file < FILES; file++) {
    sqlite3_bind_int64(tenant->state[file], 1, sequence);
    sqlite3_bind_blob(tenant->state[file], 2, digest, sizeof digest, SQLITE_TRANSIENT);
    run(tenant->state[file]);
  }
  for (int file = 0; file < FILES; file++) run(tenant->commit[file]);
}

static void *thread(void *argument) {
  struct work *work = argument;
  double end = now() + work->seconds;
  while (now() < end)
    for (int index = work->from; index < work->to; index++) {
      operate(&work->tenants[index]);
      work->operations++;
    }
  return NULL;
}

int main(int count, char **arguments) {
  if (count != 3) {
    fprintf(stderr, "usage: loop SECONDS DIRECTORY\n");
    return 2;
  }
  double seconds = atof(arguments[1]);
  int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
  if (cores > TENANTS) cores = TENANTS;
  static struct tenant tenants[TENANTS];
  for (int index = 0; index < TENANTS; index++) open_tenant(&tenants[index], arguments[2], index);
  struct work work[TENANTS];
  pthread_t threads[TENANTS];
  for (int core = 0; core < cores; core++) {
    work[core] = (struct work){tenants, TENANTS * core / cores, TENANTS * (core + 1) / cores, seconds, 0};
    pthread_create(&threads[core], NULL, thread, &work[core]);
  }
  long operations = 0;
  for (int core = 0; core < cores; core++) {
    pthread_join(threads[core], NULL);
    operations += work[core].operations;
  }
  printf("{\"program\":\"c_loop\",\"threads\":%d,\"seconds\":%.0f,\"value\":%.0f}\n", cores, seconds,
         (double)operations / seconds);
  return 0;
}
