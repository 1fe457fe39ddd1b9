/// A token of a signed-in person as its holder sees it, taken apart.
///
/// Of the form of ``APIKeyText``, with the prefix `ast_` for access (short-lived, with every
/// request) or `asr_` for refresh (used once, for the next pair). The public id is that of the
/// pair, so that logs can name it; only the SHA-256 of the secret is stored.
public struct SessionTokenText: Hashable, Sendable {
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    case access = "ast_"
    case refresh = "asr_"
  }

  public let kind: Kind
  public let tenant: TenantID
  public let publicID: String
  /// Never logged; the cell compares its hash.
  public let secret: String

  /// Reads a token.
  ///
  /// Nil unless prefix, alphabet, lengths, tenant and checksum are right.
  public init?(_ text: String) {
    var text = text
    let kind = Kind(rawValue: String(text.prefix(4)))
    guard let kind, let parts = text.withUTF8({ PlacedText.parse($0, head: 4) }) else {
      return nil
    }
    self.init(
      kind: kind, tenant: parts.tenant, publicID: parts.publicID, secret: parts.secret)
  }

  public init(kind: Kind, tenant: TenantID, publicID: String, secret: String) {
    precondition(
      Base62.isText(publicID, length: PlacedText.publicIDLength)
        && Base62.isText(secret, length: PlacedText.secretLength),
      "public id and secret are base 62 of fixed lengths")
    self.kind = kind
    self.tenant = tenant
    self.publicID = publicID
    self.secret = secret
  }

  /// A pair of fresh tokens with one public id.
  public static func pair(
    for tenant: TenantID, random: (Int) -> [UInt8]
  ) -> (access: SessionTokenText, refresh: SessionTokenText) {
    let publicID = Base62.draw(PlacedText.publicIDLength, from: random)
    func token(_ kind: Kind) -> SessionTokenText {
      SessionTokenText(
        kind: kind, tenant: tenant, publicID: publicID,
        secret: Base62.draw(PlacedText.secretLength, from: random))
    }
    return (token(.access), token(.refresh))
  }

  /// The whole token: only its holder has it.
  public var text: String {
    PlacedText.text(prefix: kind.rawValue, tenant: tenant, publicID: publicID, secret: secret)
  }
}
