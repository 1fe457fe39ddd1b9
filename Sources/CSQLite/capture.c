#include "capture_internal.h"

#include <COpenSSL.h>
#include <stdlib.h>
#include <string.h>

int aim_reserve(aim_buffer *buffer, size_t more) {
  size_t needed = buffer->length + more;
  if (needed <= buffer->capacity) return 1;
  size_t capacity = buffer->capacity ? buffer->capacity : 1024;
  while (capacity < needed) capacity *= 2;
  uint8_t *bytes = realloc(buffer->bytes, capacity);
  if (!bytes) return 0;
  buffer->bytes = bytes;
  buffer->capacity = capacity;
  return 1;
}

int aim_put_varint(aim_buffer *buffer, uint64_t value) {
  if (!aim_reserve(buffer, 10)) return 0;
  while (value >= 0x80) {
    buffer->bytes[buffer->length++] = (uint8_t)(value | 0x80);
    value >>= 7;
  }
  buffer->bytes[buffer->length++] = (uint8_t)value;
  return 1;
}

static int put_byte(aim_buffer *buffer, uint8_t byte) {
  if (!aim_reserve(buffer, 1)) return 0;
  buffer->bytes[buffer->length++] = byte;
  return 1;
}

static int put_bytes(aim_buffer *buffer, uint8_t tag, const void *bytes, size_t count) {
  if (!put_byte(buffer, tag) || !aim_put_varint(buffer, count)) return 0;
  if (!aim_reserve(buffer, count)) return 0;
  if (count) memcpy(buffer->bytes + buffer->length, bytes, count);
  buffer->length += count;
  return 1;
}

static int put_real(aim_buffer *buffer, double number) {
  // Minus zero is stored as the integer 0 and read back as plus zero.
  if (number == 0) number = 0;
  uint64_t bits;
  memcpy(&bits, &number, 8);
  if (!aim_reserve(buffer, 9)) return 0;
  buffer->bytes[buffer->length++] = AIM_REAL;
  for (int i = 0; i < 8; i++) buffer->bytes[buffer->length++] = (uint8_t)(bits >> (8 * i));
  return 1;
}

int aim_put_value(aim_buffer *buffer, sqlite3_value *value, int is_real) {
  switch (sqlite3_value_type(value)) {
  case SQLITE_INTEGER: {
    int64_t number = sqlite3_value_int64(value);
    if (is_real) return put_real(buffer, (double)number);
    return put_byte(buffer, AIM_INTEGER)
      && aim_put_varint(buffer, ((uint64_t)number << 1) ^ (uint64_t)(number >> 63));
  }
  case SQLITE_FLOAT: return put_real(buffer, sqlite3_value_double(value));
  case SQLITE_TEXT: {
    const void *text = sqlite3_value_text(value);
    return put_bytes(buffer, AIM_TEXT, text, (size_t)sqlite3_value_bytes(value));
  }
  case SQLITE_BLOB: {
    const void *blob = sqlite3_value_blob(value);
    return put_bytes(buffer, AIM_BLOB, blob, (size_t)sqlite3_value_bytes(value));
  }
  default: return put_byte(buffer, AIM_NULL);
  }
}

aim_digest aim_row_hash(aim_capture *capture, const uint8_t *row, size_t length) {
  uint8_t digest[32];
  aim_sha256_pair(capture->prefix.bytes, capture->prefix.length, row, length, digest);
  aim_digest sum;
  memcpy(&sum.low, digest, 8);
  memcpy(&sum.high, digest + 8, 8);
  return sum;
}

typedef int (*preupdate_reader)(sqlite3 *, int, sqlite3_value **);

// Appends table id, op and the values of one row, trailing NULLs left out.
static int put_row(
  aim_capture *capture, aim_buffer *buffer, const aim_table *table, int columns,
  preupdate_reader read) {
  sqlite3_value *values[AIM_COLUMNS];
  int used = 0;
  for (int column = 0; column < columns; column++) {
    if (read(capture->db, column, &values[column]) != SQLITE_OK) return AIM_CAPTURE_UNREADABLE;
    if (sqlite3_value_type(values[column]) != SQLITE_NULL) used = column + 1;
  }
  if (!aim_put_varint(buffer, table->id) || !put_byte(buffer, AIM_IMAGE)
      || !aim_put_varint(buffer, (uint64_t)used)) return AIM_CAPTURE_NO_MEMORY;
  for (int column = 0; column < used; column++) {
    if (!aim_put_value(buffer, values[column], aim_is_real(table, column)))
      return AIM_CAPTURE_NO_MEMORY;
  }
  return AIM_CAPTURE_OK;
}

// Appends the key's values to the command's keys.
static int put_key(aim_capture *capture, const aim_table *table, preupdate_reader read) {
  for (int i = 0; i < table->keys; i++) {
    sqlite3_value *value;
    if (read(capture->db, table->key[i], &value) != SQLITE_OK) return AIM_CAPTURE_UNREADABLE;
    if (sqlite3_value_type(value) == SQLITE_NULL) return AIM_CAPTURE_UNREADABLE;
    if (!aim_put_value(&capture->keys, value, aim_is_real(table, table->key[i])))
      return AIM_CAPTURE_NO_MEMORY;
  }
  return AIM_CAPTURE_OK;
}

static uint32_t key_hash(uint32_t table, const uint8_t *key, size_t length) {
  uint32_t hash = 2166136261u ^ table;
  for (size_t i = 0; i < length; i++) hash = (hash ^ key[i]) * 16777619u;
  return hash;
}

static int grow_slots(aim_capture *capture) {
  uint32_t count = capture->slot_count ? capture->slot_count * 2 : 64;
  aim_slot *slots = calloc(count, sizeof(aim_slot));
  if (!slots) return 0;
  free(capture->slots);
  capture->slots = slots;
  capture->slot_count = count;
  for (uint32_t i = 0; i < capture->entry_count; i++) {
    // In order, so that the last change to a key is the one that stays.
    const aim_entry *entry = &capture->entries[i];
    if (entry->dead == 2) continue;
    uint32_t at = entry->hash & (count - 1);
    while (slots[at].command == capture->command) at = (at + 1) & (count - 1);
    slots[at].command = capture->command;
    slots[at].entry = i;
  }
  return 1;
}

// Adds a change under the key at the end of `keys`; the earlier one to the same key dies.
static int add_entry(
  aim_capture *capture, const aim_table *table, size_t offset, size_t key_offset, int existed,
  int tombstone) {
  if (capture->entry_count == capture->entry_capacity) {
    uint32_t capacity = capture->entry_capacity ? capture->entry_capacity * 2 : 64;
    aim_entry *entries = realloc(capture->entries, capacity * sizeof(aim_entry));
    if (!entries) return AIM_CAPTURE_NO_MEMORY;
    capture->entries = entries;
    capture->entry_capacity = capacity;
  }
  if ((capture->entry_count + 1) * 2 > capture->slot_count && !grow_slots(capture))
    return AIM_CAPTURE_NO_MEMORY;
  const uint8_t *key = capture->keys.bytes + key_offset;
  size_t key_length = capture->keys.length - key_offset;
  uint32_t hash = key_hash(table->id, key, key_length), mask = capture->slot_count - 1;
  aim_entry entry = {
    .hash = hash, .table = table->id, .offset = offset,
    .length = capture->output.length - offset, .key_offset = key_offset,
    .key_length = key_length, .born = (uint8_t)!existed};
  uint32_t at = hash & mask;
  for (; capture->slots[at].command == capture->command; at = (at + 1) & mask) {
    aim_entry *other = &capture->entries[capture->slots[at].entry];
    if (other->hash != hash || other->table != table->id || other->key_length != key_length
        || memcmp(capture->keys.bytes + other->key_offset, key, key_length) != 0) continue;
    entry.born = other->born;
    if (!other->dead) capture->dead_count++;
    // 2: replaced, no longer the key's entry. 1: the key's entry, but nothing to write.
    other->dead = 2;
    break;
  }
  if (tombstone && entry.born) {
    entry.dead = 1;
    capture->dead_count++;
  }
  capture->slots[at].command = capture->command;
  capture->slots[at].entry = capture->entry_count;
  capture->entries[capture->entry_count++] = entry;
  return AIM_CAPTURE_OK;
}

static int add_tombstone(
  aim_capture *capture, const aim_table *table, size_t key_offset) {
  size_t offset = capture->output.length, count = capture->keys.length - key_offset;
  if (!aim_put_varint(&capture->output, table->id) || !put_byte(&capture->output, AIM_TOMBSTONE)
      || !aim_put_varint(&capture->output, table->keys) || !aim_reserve(&capture->output, count))
    return AIM_CAPTURE_NO_MEMORY;
  memcpy(
    capture->output.bytes + capture->output.length, capture->keys.bytes + key_offset, count);
  capture->output.length += count;
  return add_entry(capture, table, offset, key_offset, 1, 1);
}

static int capture_change(aim_capture *capture, const aim_table *table, int op) {
  int columns = sqlite3_preupdate_count(capture->db), error;
  if (columns > AIM_COLUMNS) return AIM_CAPTURE_UNREADABLE;
  size_t start = capture->output.length, old_key = capture->keys.length, new_key = old_key;
  aim_digest delta = capture->delta;
  if (op != SQLITE_INSERT) {
    capture->old_row.length = 0;
    if ((error = put_row(capture, &capture->old_row, table, columns, sqlite3_preupdate_old)))
      return error;
    delta = aim_digest_subtract(
      delta, aim_row_hash(capture, capture->old_row.bytes, capture->old_row.length));
    if (capture->recording && (error = put_key(capture, table, sqlite3_preupdate_old)))
      return error;
    new_key = capture->keys.length;
  }
  if (op == SQLITE_DELETE) {
    capture->delta = delta;
    return capture->recording ? add_tombstone(capture, table, old_key) : AIM_CAPTURE_OK;
  }
  if ((error = put_row(capture, &capture->output, table, columns, sqlite3_preupdate_new)))
    return error;
  const uint8_t *row = capture->output.bytes + start;
  size_t length = capture->output.length - start;
  if (op == SQLITE_UPDATE && length == capture->old_row.length
      && memcmp(row, capture->old_row.bytes, length) == 0) {
    // The statement wrote what was there already.
    capture->output.length = start;
    capture->keys.length = old_key;
    return AIM_CAPTURE_OK;
  }
  capture->delta = aim_digest_add(delta, aim_row_hash(capture, row, length));
  if (!capture->recording) {
    capture->output.length = start;
    return AIM_CAPTURE_OK;
  }
  if ((error = put_key(capture, table, sqlite3_preupdate_new))) return error;
  if (op == SQLITE_INSERT) return add_entry(capture, table, start, old_key, 0, 0);
  size_t old_length = new_key - old_key, new_length = capture->keys.length - new_key;
  if (old_length == new_length
      && memcmp(
        capture->keys.bytes + old_key, capture->keys.bytes + new_key, old_length) == 0) {
    capture->keys.length = new_key;
    return add_entry(capture, table, start, old_key, 1, 0);
  }
  // The key itself changed: the new row first, since it already stands in the buffer.
  if ((error = add_entry(capture, table, start, new_key, 0, 0))) return error;
  size_t copy = capture->keys.length;
  if (!aim_reserve(&capture->keys, old_length)) return AIM_CAPTURE_NO_MEMORY;
  memcpy(capture->keys.bytes + copy, capture->keys.bytes + old_key, old_length);
  capture->keys.length += old_length;
  return add_tombstone(capture, table, copy);
}

static void on_change(
  void *context, sqlite3 *db, int op, const char *database, const char *name,
  sqlite3_int64 old_rowid, sqlite3_int64 new_rowid) {
  aim_capture *capture = context;
  (void)db, (void)database, (void)old_rowid, (void)new_rowid;
  if (capture->error) return;
  const aim_table *table = aim_find_table(capture, name);
  if (table && table->ignored) return;
  if (table) ((aim_table *)table)->changed = ++capture->changes;
  int error = table ? capture_change(capture, table, op) : AIM_CAPTURE_UNREGISTERED;
  if (!error) return;
  capture->error = error;
  strncpy(capture->error_table, name, sizeof(capture->error_table) - 1);
}

static int on_commit(void *context, sqlite3 *db, const char *database, int frames) {
  (void)db, (void)database;
  ((aim_capture *)context)->wal_frames = frames;
  return SQLITE_OK;
}

// Refuses what would end or nest the writer's transaction, or change the schema behind its back.
static int authorize(
  void *context, int action, const char *first, const char *second, const char *database,
  const char *trigger) {
  const aim_capture *capture = context;
  (void)second, (void)database, (void)trigger;
  if (capture->control) return SQLITE_OK;
  switch (action) {
  case SQLITE_SELECT: case SQLITE_READ: case SQLITE_FUNCTION: case SQLITE_RECURSIVE:
    return SQLITE_OK;
  case SQLITE_INSERT: case SQLITE_UPDATE: case SQLITE_DELETE: {
    const aim_table *table = first ? aim_find_table((aim_capture *)capture, first) : 0;
    return table && table->ignored ? SQLITE_DENY : SQLITE_OK;
  }
  default: return SQLITE_DENY;
  }
}

aim_capture *aim_capture_new(sqlite3 *db, const void *tenant, size_t tenant_length) {
  aim_capture *capture = calloc(1, sizeof(aim_capture));
  if (!capture) return 0;
  capture->db = db;
  capture->recording = 1;
  capture->control = 1;
  capture->command = 1;
  // The length in front keeps one tenant's rows apart from another's whose name is longer.
  if (!put_bytes(&capture->prefix, AIM_TEXT, tenant, tenant_length)) {
    free(capture);
    return 0;
  }
  sqlite3_preupdate_hook(db, on_change, capture);
  sqlite3_wal_hook(db, on_commit, capture);
  sqlite3_set_authorizer(db, authorize, capture);
  return capture;
}

void aim_capture_free(aim_capture *capture) {
  if (!capture) return;
  sqlite3_preupdate_hook(capture->db, 0, 0);
  sqlite3_wal_hook(capture->db, 0, 0);
  sqlite3_set_authorizer(capture->db, 0, 0);
  aim_capture_forget(capture);
  free(capture->tables);
  free(capture->entries);
  free(capture->slots);
  free(capture->output.bytes);
  free(capture->keys.bytes);
  free(capture->old_row.bytes);
  free(capture->prefix.bytes);
  free(capture);
}

void aim_capture_allow_control(aim_capture *capture, int allowed) { capture->control = allowed; }
void aim_capture_record(aim_capture *capture, int on) { capture->recording = on; }

static void reset_command(aim_capture *capture) {
  capture->entry_count = 0;
  capture->dead_count = 0;
  capture->keys.length = 0;
  // Slots of other commands count as empty, so that nothing has to be cleared.
  if (++capture->command == 0) {
    if (capture->slots) memset(capture->slots, 0, capture->slot_count * sizeof(aim_slot));
    capture->command = 1;
  }
}

aim_mark aim_capture_begin(aim_capture *capture) {
  reset_command(capture);
  return (aim_mark){.length = capture->output.length, .delta = capture->delta};
}

void aim_capture_cut(aim_capture *capture, aim_mark mark) {
  capture->output.length = mark.length;
  capture->delta = mark.delta;
  capture->error = AIM_CAPTURE_OK;
  reset_command(capture);
}

void aim_capture_finish(aim_capture *capture, aim_mark mark) {
  if (capture->dead_count) {
    size_t end = mark.length;
    for (uint32_t i = 0; i < capture->entry_count; i++) {
      const aim_entry *entry = &capture->entries[i];
      if (entry->dead) continue;
      memmove(capture->output.bytes + end, capture->output.bytes + entry->offset, entry->length);
      end += entry->length;
    }
    capture->output.length = end;
  }
  reset_command(capture);
}

void aim_capture_clear(aim_capture *capture) {
  aim_capture_cut(capture, (aim_mark){0});
  capture->changes_before = capture->changes;
  // A rare large command must not keep its memory for good.
  if (capture->output.capacity > 256 * 1024) {
    free(capture->output.bytes);
    capture->output = (aim_buffer){0};
  }
}

uint64_t aim_capture_changed(const aim_capture *capture, uint16_t id) {
  for (uint32_t i = 0; i < capture->table_count; i++) {
    if (capture->tables[i].id == id) return capture->tables[i].changed;
  }
  return 0;
}

uint64_t aim_capture_changes_before(const aim_capture *capture) {
  return capture->changes_before;
}

int aim_capture_error(const aim_capture *capture) { return capture->error; }
const char *aim_capture_error_table(const aim_capture *capture) { return capture->error_table; }
const uint8_t *aim_capture_bytes(const aim_capture *capture) { return capture->output.bytes; }
size_t aim_capture_length(const aim_capture *capture) { return capture->output.length; }
aim_digest aim_capture_delta(const aim_capture *capture) { return capture->delta; }
int aim_capture_wal_frames(const aim_capture *capture) { return capture->wal_frames; }
