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

  public static let publicIDLength = PlacedText.publicIDLength
  public static let secretLength = PlacedText.secretLength
  public static let checksumLength = PlacedText.checksumLength
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
    PlacedText.text(
      prefix: "ask_\(mode.rawValue)_", tenant: tenant, publicID: publicID, secret: secret)
  }

  private static func parse(_ bytes: UnsafeBufferPointer<UInt8>) -> APIKeyText? {
    let head = 9
    guard bytes.count > head else { return nil }
    let mode: Mode
    switch String(decoding: bytes[..<head], as: UTF8.self) {
    case "ask_live_": mode = .live
    case "ask_test_": mode = .test
    default: return nil
    }
    return PlacedText.parse(bytes, head: head).map { parts in
      APIKeyText(
        mode: mode, tenant: parts.tenant, publicID: parts.publicID, secret: parts.secret)
    }
  }
}
