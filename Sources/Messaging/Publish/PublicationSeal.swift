import COpenSSL
import Synchronization

/// The form in which publications travel: the topic in clear, the payload sealed.
///
/// Subscribers filter by the topic's bytes, so it is clear; the payload may hold secrets and must
/// come from the deployment, so it is sealed with AES-256-GCM under a key derived from the
/// deployment's key and the publisher's salt. The nonce is the publisher's counter: a salt is never
/// used for a second run, a counter never twice.
///
/// Layout: topic · 0 · version 1 · salt (16) · counter (8) · sealed payload · tag (16).
enum PublicationSeal {
  static let version: UInt8 = 1
  static let saltBytes = 16
  static let tagBytes = 16
  /// Bytes that a publication is longer than topic and payload.
  static let overhead = 2 + saltBytes + 8 + tagBytes

  static func subscription(_ topic: String) -> [UInt8] { Array(topic.utf8) + [0] }

  static func key(_ deployment: DeploymentKey, salt: [UInt8]) -> [UInt8] {
    deployment.proof("aimstors publication", salt)
  }

  /// `payload` as a publication of `topic`; nil where it cannot be sealed (memory).
  static func seal(
    topic: String, _ payload: [UInt8], key: [UInt8], salt: [UInt8], counter: UInt64
  ) -> [UInt8]? {
    let head = header(topic, salt: salt, counter: counter)
    guard let context = EVP_CIPHER_CTX_new() else { return nil }
    defer { EVP_CIPHER_CTX_free(context) }
    var sealed = [UInt8](repeating: 0, count: payload.count)
    var tag = [UInt8](repeating: 0, count: tagBytes)
    var count: Int32 = 0
    guard
      EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce(counter)) == 1,
      EVP_EncryptUpdate(context, nil, &count, head, Int32(head.count)) == 1,
      EVP_EncryptUpdate(context, &sealed, &count, payload, Int32(payload.count)) == 1,
      EVP_EncryptFinal_ex(context, &tag, &count) == 1,
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(tagBytes), &tag) == 1
    else { return nil }
    return head + sealed + tag
  }

  /// A publication's parts, before anything of it is believed.
  struct Sealed {
    let topic: String
    let salt: [UInt8]
    let counter: UInt64
    let body: [UInt8]
    let tag: [UInt8]
  }

  static func split(_ bytes: [UInt8]) -> Sealed? {
    guard let end = bytes.prefix(256).firstIndex(of: 0),
      let topic = String(validating: bytes[..<end], as: UTF8.self)
    else { return nil }
    var reader = ByteReader(Array(bytes[(end + 1)...]))
    guard let version: UInt8 = reader.integer(), version == Self.version,
      let salt = reader.take(saltBytes), let counter: UInt64 = reader.integer()
    else { return nil }
    guard let body = reader.take(bytes.count - topic.utf8.count - overhead),
      let tag = reader.take(tagBytes), reader.isAtEnd
    else { return nil }
    return Sealed(topic: topic, salt: salt, counter: counter, body: body, tag: tag)
  }

  /// The payload, or nil where it was not sealed with `key`.
  static func open(_ sealed: Sealed, key: [UInt8]) -> [UInt8]? {
    let head = header(sealed.topic, salt: sealed.salt, counter: sealed.counter)
    guard let context = EVP_CIPHER_CTX_new() else { return nil }
    defer { EVP_CIPHER_CTX_free(context) }
    var payload = [UInt8](repeating: 0, count: sealed.body.count)
    var rest = [UInt8](repeating: 0, count: tagBytes)
    var tag = sealed.tag
    var count: Int32 = 0
    guard
      EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce(sealed.counter)) == 1,
      EVP_DecryptUpdate(context, nil, &count, head, Int32(head.count)) == 1,
      EVP_DecryptUpdate(context, &payload, &count, sealed.body, Int32(sealed.body.count)) == 1,
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(tagBytes), &tag) == 1,
      EVP_DecryptFinal_ex(context, &rest, &count) == 1
    else { return nil }
    return payload
  }

  private static func header(_ topic: String, salt: [UInt8], counter: UInt64) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(subscription(topic))
    writer.append(version)
    writer.append(salt)
    writer.append(counter)
    return writer.bytes
  }

  private static func nonce(_ counter: UInt64) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(UInt32(0))
    writer.append(counter)
    return writer.bytes
  }
}
