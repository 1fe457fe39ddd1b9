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

// SHA-256 of one byte and what follows it: how a hash tree tells leaves from nodes.
void aim_sha256_prefixed(uint8_t prefix, const void *bytes, size_t count, uint8_t digest[32]);

// Ed25519 over raw keys; 1 where it went well, or where the signature is right.
int aim_ed25519_public(const uint8_t seed[32], uint8_t public_key[32]);
int aim_ed25519_sign(
  const uint8_t seed[32], const uint8_t *message, size_t count, uint8_t signature[64]);
int aim_ed25519_verify(
  const uint8_t public_key[32], const uint8_t *message, size_t count,
  const uint8_t signature[64]);

// bcrypt by libcrypt, safe for threads: a fresh hash, and the hash under the setting of another.
int aim_bcrypt_make(
  const char *password, unsigned long cost, const uint8_t *salt, size_t salt_count, char *output,
  size_t size);
int aim_bcrypt_run(const char *password, const char *setting, char *output, size_t size);

#endif
