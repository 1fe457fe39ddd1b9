// Who was served when the process crashed: a small mapped file with a slot per thread.
//
// A thread names the tenant it works for with plain stores, no system call. The file survives the
// end of the process, not of the machine. Only a crash (SIGSEGV, SIGTRAP, SIGABRT, ...) marks the
// slot of the thread that crashed; kill -9 marks none, so that nobody is blamed for it.
#ifndef AIMSTORS_CRASHMARK_H
#define AIMSTORS_CRASHMARK_H

#include <stddef.h>

enum { AIM_CRASH_SLOTS = 31, AIM_CRASH_NAME = 64, AIM_CRASH_SLOT_BYTES = 128 };

typedef struct {
  unsigned char crashed;
  unsigned char length;
  char name[AIM_CRASH_NAME];
  unsigned char taken;
  // How often somebody was named here.
  unsigned entered;
  char unused[AIM_CRASH_SLOT_BYTES - AIM_CRASH_NAME - 8];
} aim_crash_slot;

// The file: a slot per thread, behind a slot's worth of header.
typedef struct {
  char unused[AIM_CRASH_SLOT_BYTES];
  aim_crash_slot slots[AIM_CRASH_SLOTS];
} aim_crash_map;

// Makes or empties the file and maps it; NULL with errno where that fails. The first call installs
// the handlers of the process.
aim_crash_map *aim_crash_open(const char *path);
void aim_crash_close(aim_crash_map *map);

// From here on this thread works for `name`, until it leaves. A thread beyond the slots names nobody.
void aim_crash_enter(aim_crash_map *map, const char *name, size_t length);
void aim_crash_leave(aim_crash_map *map);

// The same for a thread that ends soon: its slot is another's then.
void aim_crash_end(aim_crash_map *map);

// Whom this thread works for; NULL: nobody.
const aim_crash_slot *aim_crash_current(void);

#endif
