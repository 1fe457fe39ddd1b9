// Row after-images and the digest of one writing connection, kept by SQLite's preupdate hook.
//
// The hook also reports rows that SQLite undoes afterwards without another word (a failing statement
// of several rows, ROLLBACK TO). So the owner takes a mark where a command begins and cuts back to
// it whenever the command is undone, whatever the reason.
#ifndef AIMSTORS_CAPTURE_H
#define AIMSTORS_CAPTURE_H

#include <stddef.h>
#include <stdint.h>

struct sqlite3;

// A sum modulo 2^128.
typedef struct { uint64_t low, high; } aim_digest;

// Where a command began.
typedef struct {
  size_t length;
  aim_digest delta;
} aim_mark;

enum {
  AIM_CAPTURE_OK = 0,
  // A row of a table that was not registered changed.
  AIM_CAPTURE_UNREGISTERED = 1,
  AIM_CAPTURE_NO_MEMORY = 2,
  // A row could not be read or its key is NULL.
  AIM_CAPTURE_UNREADABLE = 3,
};

// What applying row changes may answer besides SQLite's result codes.
enum {
  AIM_APPLY_OK = 0,
  AIM_APPLY_MALFORMED = -1,
  AIM_APPLY_UNKNOWN_TABLE = -2,
};

typedef struct aim_capture aim_capture;

// Process-wide settings, before the first connection: SQLite's memory statistics cost a global lock
// on every allocation.
void aim_sqlite_configure(void);

// Closing the last connection leaves the WAL alone: a checkpoint there would wait for the disk.
void aim_sqlite_keep_wal(struct sqlite3 *db);

// Gives memory that closed connections have freed back to the system: it lies in the arenas of
// several threads, where `free` alone keeps it. Holds up whoever allocates meanwhile.
void aim_sqlite_return_memory(void);

// Turns triggers and foreign keys off (replay) or on (commands).
void aim_sqlite_enforce(struct sqlite3 *db, int on);

// Attaches the hook, the authorizer and the WAL hook to `db`. NULL when there is no memory.
aim_capture *aim_capture_new(struct sqlite3 *db, const void *tenant, size_t tenant_length);
// Detaches and frees. Call before the connection is closed.
void aim_capture_free(aim_capture *capture);

// Registers a table; columns and keys are read from the schema. 0, or a SQLite result code,
// SQLITE_MISUSE when the table does not exist or has no declared primary key.
int aim_capture_register(aim_capture *capture, const char *name, uint16_t id);
// Registers a table whose changes are neither recorded nor digested.
int aim_capture_ignore(aim_capture *capture, const char *name);
// Forgets all tables, before they are registered again after a schema step.
void aim_capture_forget(aim_capture *capture);

// The engine's own statements (transaction control, pragmas, DDL) run only while this is on;
// a command that tries them is refused when the statement is prepared.
void aim_capture_allow_control(aim_capture *capture, int allowed);

// While off, rows feed the digest but are not recorded: for replay.
void aim_capture_record(aim_capture *capture, int on);

aim_mark aim_capture_begin(aim_capture *capture);
void aim_capture_cut(aim_capture *capture, aim_mark mark);
// Ends the command: takes out what later changes to the same key replaced.
void aim_capture_finish(aim_capture *capture, aim_mark mark);
void aim_capture_clear(aim_capture *capture);

int aim_capture_error(const aim_capture *capture);
const char *aim_capture_error_table(const aim_capture *capture);
const uint8_t *aim_capture_bytes(const aim_capture *capture);
size_t aim_capture_length(const aim_capture *capture);
aim_digest aim_capture_delta(const aim_capture *capture);
// Frames in the WAL after the last commit of this connection.
int aim_capture_wal_frames(const aim_capture *capture);

// When a row of the table with this id changed last, counted in changes of all tables; 0: never.
uint64_t aim_capture_changed(const aim_capture *capture, uint16_t id);
// That count when the open transaction began.
uint64_t aim_capture_changes_before(const aim_capture *capture);

// Recomputes the digest of every registered table by a full scan. 0 or a SQLite result code.
int aim_digest_scan(aim_capture *capture, aim_digest *sum);

// Applies one command's changes, as far as they concern tables registered here: every touched key
// is left as its after-image says, or gone. Other tables' changes are skipped when `strangers`
// answers non-zero for their id, else it is an unknown table.
int aim_apply(
  aim_capture *capture, const uint8_t *bytes, size_t length,
  int (*strangers)(void *context, uint16_t table), void *context);

static inline aim_digest aim_digest_add(aim_digest a, aim_digest b) {
  aim_digest sum;
  sum.low = a.low + b.low;
  sum.high = a.high + b.high + (sum.low < a.low);
  return sum;
}

static inline aim_digest aim_digest_subtract(aim_digest a, aim_digest b) {
  aim_digest rest;
  rest.low = a.low - b.low;
  rest.high = a.high - b.high - (a.low < b.low);
  return rest;
}

#endif
