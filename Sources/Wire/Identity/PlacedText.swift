/// The common form of credentials that name their tenant: prefix, tenant, public id, secret,
/// checksum; see ``APIKeyText``.
enum PlacedText {
  static let publicIDLength = 12
  static let secretLength = 30
  static let checksumLength = 6
  /// The longest identifier, escaped throughout.
  static let longestTenant = 128

  private static let tail = publicIDLength + secretLength + checksumLength

  struct Parts {
    let tenant: TenantID
    let publicID: String
    let secret: String
  }

  static func text(
    prefix: String, tenant: TenantID, publicID: String, secret: String
  ) -> String {
    let head = "\(prefix)\(escape(tenant.rawValue))\(publicID)\(secret)"
    return head + Base62.text(of: CRC32.of(head.utf8), length: checksumLength)
  }

  /// The parts behind a prefix of `head` bytes, which the caller has compared.
  static func parse(_ bytes: UnsafeBufferPointer<UInt8>, head: Int) -> Parts? {
    guard bytes.count > head + tail, bytes.count <= head + longestTenant + tail else { return nil }
    guard bytes[head...].allSatisfy(Base62.contains) else { return nil }
    let checksum = bytes.count - checksumLength
    guard
      Base62.text(of: CRC32.of(bytes[..<checksum]), length: checksumLength).utf8
        .elementsEqual(bytes[checksum...])
    else { return nil }
    let secret = checksum - secretLength
    let publicID = secret - publicIDLength
    guard let tenant = unescape(bytes[head..<publicID]).flatMap({ TenantID($0) }) else {
      return nil
    }
    return Parts(
      tenant: tenant, publicID: String(decoding: bytes[publicID..<secret], as: UTF8.self),
      secret: String(decoding: bytes[secret..<checksum], as: UTF8.self))
  }

  private static func escape(_ tenant: String) -> String {
    var result = ""
    for character in tenant {
      switch character {
      case "_": result += "Za"
      case "-": result += "Zb"
      case "Z": result += "ZZ"
      default: result.append(character)
      }
    }
    return result
  }

  private static func unescape(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> String? {
    var result: [UInt8] = []
    var iterator = bytes.makeIterator()
    while let byte = iterator.next() {
      guard byte == UInt8(ascii: "Z") else {
        result.append(byte)
        continue
      }
      switch iterator.next() {
      case UInt8(ascii: "a"): result.append(UInt8(ascii: "_"))
      case UInt8(ascii: "b"): result.append(UInt8(ascii: "-"))
      case UInt8(ascii: "Z"): result.append(UInt8(ascii: "Z"))
      default: return nil
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
