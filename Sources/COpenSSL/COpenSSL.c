// The low-level functions are deprecated in favour of EVP, which allocates on every call.
#define OPENSSL_SUPPRESS_DEPRECATED 1
#include "COpenSSL.h"

void aim_sha256(const void *bytes, size_t count, uint8_t digest[32]) {
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, bytes, count);
  SHA256_Final(digest, &context);
}

void aim_sha256_pair(
  const void *first, size_t first_count, const void *second, size_t second_count,
  uint8_t digest[32]) {
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, first, first_count);
  SHA256_Update(&context, second, second_count);
  SHA256_Final(digest, &context);
}
