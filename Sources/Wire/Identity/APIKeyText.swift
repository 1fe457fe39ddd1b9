/// An API key as its holder sees it, taken apart.
///
/// ```
/// ask_live_ t4k9m2c7x0q1w 3fGh8KqLz0Bd  30 of base 62   6 of base 62
/// └─ mode ┘ └─ tenant ──┘ └ public id ┘ └── secret ──┘ └ checksum ──┘      (no blanks)
/// ```
/// - The mode is `live` or `test`.
/// - Everything after the second `_` is alphanumeric, so that a double click selects it.
/// - The tenant stands in clear, so that a router can place the key without asking anybody. Its
///   length is what the fixed lengths behind it leave. `Z` escapes what is not alphanumeric:
///   `Za` is `_`, `Zb` is `-`, `ZZ` is `Z`. Identifiers that the control plane makes need none.
/// - The public id is 12 characters of base 62, unique in its tenant; logs and lists show it, and
///   the cell finds the key by it.
/// - The secret is 30 characters of base 62 (178 bits): the cell stores only its SHA-256.
/// - The checksum is the CRC-32 of all before it, mode included, in base 62 (digits, upper case,
///   lower case), most significant digit first. A mistyped key is refused before any lookup.
public struct APIKeyText: Hashable, Sendable {
  public enum Mode: String, Hashable, Sendable, CaseIterable { case live, test }

  public static let publicIDLength = 12
  public static let secretLength = 30
  public static let checksumLength = 6
  /// Longest key accepted, in bytes: the longest identifier, escaped throughout.
  public static let maximumLength = 9 + 128 + 48

  public let mode: Mode
  public let tenant: TenantID
  public let publicID: String
  /// Never logged; the cell compares its hash.
  public let secret: String

  /// Reads a key.
  ///
  /// Nil unless prefix, alphabet, lengths, tenant and checksum are right.
  public init?(_ text: String) {
    var text = text
    let parsed = text.withUTF8 { Self.parse($0) }
    guard let parsed else { return nil }
    self = parsed
  }

  /// Makes a key.
  ///
  /// `random` gives as many random bytes as it is asked for.
  public init(mode: Mode, tenant: TenantID, random: (Int) -> [UInt8]) {
    self.init(
      mode: mode, tenant: tenant,
      publicID: Base62.draw(Self.publicIDLength, from: random),
      secret: Base62.draw(Self.secretLength, from: random))
  }

  /// A key of known parts.
  public init(mode: Mode, tenant: TenantID, publicID: String, secret: String) {
    precondition(
      Base62.isText(publicID, length: Self.publicIDLength)
        && Base62.isText(secret, length: Self.secretLength),
      "public id and secret are base 62 of fixed lengths")
    self.mode = mode
    self.tenant = tenant
    self.publicID = publicID
    self.secret = secret
  }

  /// The whole key: shown once, to its creator.
  public var text: String {
    let head = "ask_\(mode.rawValue)_\(Self.escape(tenant.rawValue))\(publicID)\(secret)"
    return head + Base62.text(of: CRC32.of(head.utf8), length: Self.checksumLength)
  }

  private static let tail = publicIDLength + secretLength + checksumLength

  private static func parse(_ bytes: UnsafeBufferPointer<UInt8>) -> APIKeyText? {
    let head = 9
    guard bytes.count > head + tail, bytes.count <= maximumLength else { return nil }
    let mode: Mode
    switch String(decoding: bytes[..<head], as: UTF8.self) {
    case "ask_live_": mode = .live
    case "ask_test_": mode = .test
    default: return nil
    }
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
    return APIKeyText(
      mode: mode, tenant: tenant,
      publicID: String(decoding: bytes[publicID..<secret], as: UTF8.self),
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
