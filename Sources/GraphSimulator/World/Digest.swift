import COpenSSL

/// SHA-256 and HMAC-SHA256, as lower-case hexadecimal.
enum Digest {
  static func sha256(_ bytes: [UInt8]) -> String {
    var output = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
    SHA256(bytes, bytes.count, &output)
    return hexadecimal(output)
  }

  static func hmac(key: String, _ bytes: [UInt8]) -> String {
    var output = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
    var length: UInt32 = 0
    let key = Array(key.utf8)
    HMAC(EVP_sha256(), key, Int32(key.count), bytes, bytes.count, &output, &length)
    return hexadecimal(output)
  }

  static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var output: [UInt8] = []
    for byte in bytes { output += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
    return String(decoding: output, as: UTF8.self)
  }
}
