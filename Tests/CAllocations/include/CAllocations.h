#pragma once

#include <stddef.h>

// What one thread has asked the allocator for, in bytes.
struct aim_allocations {
  size_t total;
  size_t largest;
};

// From here on the calling thread's allocations are counted, from nothing.
void aim_allocations_begin(void);

// Ends it; what was counted.
struct aim_allocations aim_allocations_end(void);
