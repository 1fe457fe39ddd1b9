// The low-level functions are deprecated in favour of EVP, which allocates on every call.
#define OPENSSL_SUPPRESS_DEPRECATED 1
#include "COpenSSL.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

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

void aim_sha256_prefixed(uint8_t prefix, const void *bytes, size_t count, uint8_t digest[32]) {
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, &prefix, 1);
  SHA256_Update(&context, bytes, count);
  SHA256_Final(digest, &context);
}

int aim_ed25519_public(const uint8_t seed[32], uint8_t public_key[32]) {
  EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
  if (!key) return 0;
  size_t count = 32;
  int result = EVP_PKEY_get_raw_public_key(key, public_key, &count);
  EVP_PKEY_free(key);
  return result == 1 && count == 32;
}

int aim_ed25519_sign(
  const uint8_t seed[32], const uint8_t *message, size_t count, uint8_t signature[64]) {
  EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  size_t length = 64;
  int result = key && context && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1
    && EVP_DigestSign(context, signature, &length, message, count) == 1 && length == 64;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  return result;
}

int aim_ed25519_verify(
  const uint8_t public_key[32], const uint8_t *message, size_t count,
  const uint8_t signature[64]) {
  EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, 32);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  int result = key && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1
    && EVP_DigestVerify(context, signature, 64, message, count) == 1;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  ERR_clear_error();
  return result;
}

int aim_bcrypt_run(const char *password, const char *setting, char *output, size_t size) {
  struct crypt_data *data = calloc(1, sizeof *data);
  if (!data) return 0;
  const char *made = crypt_rn(password, setting, data, sizeof *data);
  // What failed begins with '*'.
  int result = made && made[0] == '$' && strlen(made) < size;
  if (result) strcpy(output, made);
  OPENSSL_cleanse(data, sizeof *data);
  free(data);
  return result;
}

int aim_bcrypt_make(
  const char *password, unsigned long cost, const uint8_t *salt, size_t salt_count, char *output,
  size_t size) {
  char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  if (!crypt_gensalt_rn(
        "$2b$", cost, (const char *)salt, (int)salt_count, setting, sizeof setting))
    return 0;
  return aim_bcrypt_run(password, setting, output, size);
}
