import Cryptography
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
    return head
      + AuthenticatedCipher(key: key).seal(payload, bound: head, nonce: nonce(counter))
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
    return AuthenticatedCipher(key: key).open(
      sealed.body + sealed.tag, bound: head, nonce: nonce(sealed.counter))
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
