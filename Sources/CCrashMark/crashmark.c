#include "crashmark.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static _Thread_local aim_crash_map *my_map;
static _Thread_local aim_crash_slot *my_slot;
// Set while this thread works for somebody: what a crash marks.
static _Thread_local aim_crash_slot *volatile current;

static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGABRT};

// What stood before: the default, or the Swift runtime's backtrace.
static struct sigaction previous[NSIG];

static void crashed(int number, siginfo_t *information, void *context) {
  (void)context;
  aim_crash_slot *slot = current;
  if (slot) slot->crashed = 1;
  // The process ends as it would have: the instruction runs again and meets what stood before. A
  // signal that somebody sent, abort among them, comes from no instruction and is raised again.
  sigaction(number, &previous[number], NULL);
  if (information->si_code <= 0) raise(number);
}

static void install(void) {
  for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = crashed;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(crashes[i], &action, &previous[crashes[i]]);
  }
}

aim_crash_map *aim_crash_open(const char *path) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return NULL;
  void *map = MAP_FAILED;
  // Written, not only sized: a page without a block would kill the process on a full disk.
  static const char zeros[sizeof(aim_crash_map)];
  if (write(file, zeros, sizeof zeros) == (ssize_t)sizeof zeros)
    map = mmap(NULL, sizeof(aim_crash_map), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (map == MAP_FAILED) return NULL;
  pthread_once(&once, install);
  return map;
}

void aim_crash_close(aim_crash_map *map) { munmap(map, sizeof *map); }

// The first time a thread comes: a slot, and a stack for the handler, as a stack may be what broke.
static void begin(aim_crash_map *map) {
  my_map = map;
  my_slot = NULL;
  for (int i = 0; i < AIM_CRASH_SLOTS && !my_slot; i++) {
    aim_crash_slot *slot = &map->slots[i];
    if (!__atomic_exchange_n(&slot->taken, 1, __ATOMIC_ACQ_REL)) my_slot = slot;
  }
  static _Thread_local char stack[16384];
  stack_t before;
  if (sigaltstack(NULL, &before) == 0 && (before.ss_flags & SS_DISABLE)) {
    stack_t mine = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&mine, NULL);
  }
}

void aim_crash_enter(aim_crash_map *map, const char *name, size_t length) {
  if (my_map != map) begin(map);
  aim_crash_slot *slot = my_slot;
  if (!slot || length > AIM_CRASH_NAME) return;
  memcpy(slot->name, name, length);
  slot->length = (unsigned char)length;
  slot->entered++;
  current = slot;
}

void aim_crash_leave(aim_crash_map *map) { (void)map, current = NULL; }

void aim_crash_end(aim_crash_map *map) {
  current = NULL;
  if (my_map != map) return;
  if (my_slot) __atomic_store_n(&my_slot->taken, 0, __ATOMIC_RELEASE);
  my_map = NULL;
  my_slot = NULL;
}

const aim_crash_slot *aim_crash_current(void) { return current; }
