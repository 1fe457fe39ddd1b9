import Cryptography
import Platform

/// The keys that seal secrets at rest, in one file: a key of 64 hexadecimal digits on each line,
/// the newest first; `audit` before one: what the keys of audit logs are made of; `#`: a remark.
enum SealingKeyFile {
  /// Keys of one file: each rotation adds one, and each retirement takes one away.
  static let maximumKeys = 16

  /// Nil where there is no file; throws where it holds something else.
  static func read(_ path: String) throws(CommandFailure) -> SealingKeys? {
    guard let content = try PrivateFile.read(path) else { return nil }
    guard let keys = parse(String(decoding: content, as: UTF8.self)) else {
      throw CommandFailure(
        .refused, code: "key_file_malformed",
        detail: "\(path) must hold keys of 64 hexadecimal digits, one a line")
    }
    return keys
  }

  static func require(_ path: String) throws(CommandFailure) -> SealingKeys {
    guard let keys = try read(path) else {
      throw CommandFailure(.refused, code: "key_file_missing", detail: "there is no \(path)")
    }
    return keys
  }

  static func parse(_ text: String) -> SealingKeys? {
    var sealing: [[UInt8]] = []
    var auditRoot: [UInt8]?
    for line in text.split(whereSeparator: \.isNewline) {
      let words = line.split(separator: " ")
      guard let first = words.first, !first.hasPrefix("#") else { continue }
      guard let last = words.last,
        let key = [UInt8](hexText: last.lowercased()),
        key.count == AuthenticatedCipher.keyBytes
      else { return nil }
      switch (words.count, first) {
      case (1, _): sealing.append(key)
      case (2, "audit"):
        guard auditRoot == nil else { return nil }
        auditRoot = key
      default: return nil
      }
    }
    guard (1...maximumKeys).contains(sealing.count), Set(sealing).count == sealing.count else {
      return nil
    }
    return SealingKeys(sealing: sealing, auditRoot: auditRoot)
  }

  static func text(_ keys: SealingKeys) -> String {
    var text = "# The newest key first: it seals. The others still open.\n"
    for key in keys.sealing { text += key.hexText + "\n" }
    if let root = keys.auditRoot { text += "audit \(root.hexText)\n" }
    return text
  }

  /// With one more key, which seals from now on; the keys of audit logs stay as they are.
  static func rotated(_ keys: SealingKeys, with key: [UInt8]) -> SealingKeys {
    SealingKeys(
      sealing: [key] + keys.sealing, auditRoot: keys.auditRoot ?? keys.sealing.last)
  }

  /// Without all but the newest key.
  static func retired(_ keys: SealingKeys) -> SealingKeys {
    SealingKeys(
      sealing: [keys.sealing[0]],
      auditRoot: keys.auditRoot ?? (keys.sealing.count > 1 ? keys.sealing.last : nil))
  }

  /// A key's name, which tells nothing about it.
  static func name(_ key: [UInt8]) -> String {
    Array(
      KeyedHash.sha256(key: key, Array("aimstors-key-identifier/1".utf8)).prefix(4)
    ).hexText
  }
}
