#include "CAllocations.h"

#include <errno.h>
#include <stdint.h>

static __thread int is_counting;
static __thread struct aim_allocations counted;

void aim_allocations_begin(void) {
  counted = (struct aim_allocations){0, 0};
  is_counting = 1;
}

struct aim_allocations aim_allocations_end(void) {
  is_counting = 0;
  return counted;
}

#if defined(__GLIBC__)

// In place of glibc's own, for everybody in the test program: what was reserved counts, also where
// nobody touched it, and what was given back at once. The memory itself is glibc's.

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static void count(size_t bytes) {
  if (!is_counting) return;
  if (__builtin_add_overflow(counted.total, bytes, &counted.total)) counted.total = SIZE_MAX;
  if (bytes > counted.largest) counted.largest = bytes;
}

void *malloc(size_t bytes) {
  count(bytes);
  return __libc_malloc(bytes);
}

void *calloc(size_t number, size_t each) {
  size_t bytes;
  count(__builtin_mul_overflow(number, each, &bytes) ? SIZE_MAX : bytes);
  return __libc_calloc(number, each);
}

void *realloc(void *old, size_t bytes) {
  count(bytes);
  return __libc_realloc(old, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes) {
  count(bytes);
  return __libc_memalign(alignment, bytes);
}

int posix_memalign(void **made, size_t alignment, size_t bytes) {
  if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0) return EINVAL;
  count(bytes);
  void *memory = __libc_memalign(alignment, bytes);
  if (memory == NULL) return ENOMEM;
  *made = memory;
  return 0;
}

#endif
