#ifndef AIMSTORS_COPENSSL_H
#define AIMSTORS_COPENSSL_H

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stddef.h>
#include <stdint.h>

// SHA-256 without the fetch and allocations of EVP, which cost more than the hash of a short row.
void aim_sha256(const void *bytes, size_t count, uint8_t digest[32]);

// SHA-256 of two pieces, one after the other.
void aim_sha256_pair(
  const void *first, size_t first_count, const void *second, size_t second_count,
  uint8_t digest[32]);

#endif
