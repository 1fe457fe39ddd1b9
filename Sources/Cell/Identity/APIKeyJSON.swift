import Wire

/// The body of a new key.
struct APIKeyInput: Decodable, Sendable {
  struct Rate: Decodable, Sendable {
    let perSecond: Int64
    let burst: Int64

    private enum CodingKeys: String, CodingKey {
      case perSecond = "per_second"
      case burst
    }

    func checked() throws(Failure) -> RateLimit {
      try RateLimit(perSecond: perSecond, burst: burst)
    }
  }

  let name: String
  let mode: APIKeyText.Mode
  let scopes: [String]
  let allowCIDRs: [String]
  let rate: Rate?
  let expiresAt: Timestamp?

  private enum CodingKeys: String, CodingKey {
    case name, mode, scopes, rate
    case allowCIDRs = "allow_cidrs"
    case expiresAt = "expires_at"
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    name = try container.decode(String.self, forKey: .name)
    let mode = try container.decodeIfPresent(String.self, forKey: .mode) ?? "live"
    guard let known = APIKeyText.Mode(rawValue: mode) else {
      throw DecodingError.dataCorruptedError(
        forKey: .mode, in: container, debugDescription: "live or test")
    }
    self.mode = known
    scopes = try container.decodeIfPresent([String].self, forKey: .scopes) ?? ["*"]
    allowCIDRs = try container.decodeIfPresent([String].self, forKey: .allowCIDRs) ?? []
    rate = try container.decodeIfPresent(Rate.self, forKey: .rate)
    expiresAt = try container.decodeIfPresent(Timestamp.self, forKey: .expiresAt)
  }
}

/// A key as clients see it.
///
/// The text is there once, in the answer to its creation.
struct APIKeyAnswer: Encodable, Sendable {
  let key: APIKey
  private let text: String?
  private let lastUse: Timestamp?

  init(_ key: APIKey, text: String? = nil, lastUse: Timestamp? = nil) {
    self.key = key
    self.text = text
    self.lastUse = lastUse
  }

  private enum CodingKeys: String, CodingKey {
    case id, key, name, mode, scopes, rate
    case publicID = "public_id"
    case allowCIDRs = "allow_cidrs"
    case createdAt = "created_at"
    case createdBy = "created_by"
    case expiresAt = "expires_at"
    case revokedAt = "revoked_at"
    case lastUsedAt = "last_used_at"
  }

  private enum RateKeys: String, CodingKey {
    case perSecond = "per_second"
    case burst
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(key.id.text(.apiKey), forKey: .id)
    try container.encodeIfPresent(text, forKey: .key)
    try container.encode(key.publicID, forKey: .publicID)
    try container.encode(key.name, forKey: .name)
    try container.encode(key.mode.rawValue, forKey: .mode)
    try container.encode(key.scopes.names, forKey: .scopes)
    try container.encode(key.allowed.map(\.text), forKey: .allowCIDRs)
    var rate = container.nestedContainer(keyedBy: RateKeys.self, forKey: .rate)
    try rate.encode(key.rate.perSecond, forKey: .perSecond)
    try rate.encode(key.rate.burst, forKey: .burst)
    try container.encode(key.createdAt, forKey: .createdAt)
    try container.encode(key.createdBy, forKey: .createdBy)
    try container.encode(key.expiresAt, forKey: .expiresAt)
    try container.encode(key.revokedAt, forKey: .revokedAt)
    try container.encode([key.lastUsedAt, lastUse].compactMap { $0 }.max(), forKey: .lastUsedAt)
  }
}
