import Wire

/// The body of connecting a number.
struct NumberInput: Decodable, Sendable {
  static let maximumTokenBytes = 4_096
  static let maximumIDBytes = 32

  let phoneNumberID: String
  let wabaID: String
  let accessToken: String
  let metaApp: MetaAppID

  private enum CodingKeys: String, CodingKey {
    case phoneNumberID = "phone_number_id"
    case wabaID = "waba_id"
    case accessToken = "access_token"
    case metaApp = "meta_app"
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func metaID(_ key: CodingKeys) throws -> String {
      let text = try container.decode(String.self, forKey: key)
      guard (1...Self.maximumIDBytes).contains(text.utf8.count),
        text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 })
      else {
        throw DecodingError.dataCorruptedError(
          forKey: key, in: container, debugDescription: "digits, as Meta shows it")
      }
      return text
    }
    phoneNumberID = try metaID(.phoneNumberID)
    wabaID = try metaID(.wabaID)
    accessToken = try container.decode(String.self, forKey: .accessToken)
    guard (1...Self.maximumTokenBytes).contains(accessToken.utf8.count),
      accessToken.utf8.allSatisfy({ $0 > 32 && $0 < 127 })
    else {
      throw DecodingError.dataCorruptedError(
        forKey: .accessToken, in: container, debugDescription: "not an access token")
    }
    metaApp =
      try container.decodeIfPresent(MetaAppID.self, forKey: .metaApp)
      ?? MetaAppID(trusted: "default")
  }
}

/// A number as clients see it; never its token.
struct NumberAnswer: Encodable, Sendable {
  let number: Number

  init(_ number: Number) { self.number = number }

  private enum CodingKeys: String, CodingKey {
    case id, state
    case phoneNumberID = "phone_number_id"
    case wabaID = "waba_id"
    case metaApp = "meta_app"
    case displayPhoneNumber = "display_phone_number"
    case verifiedName = "verified_name"
    case stateReason = "state_reason"
    case quality = "quality_rating"
    case ratePerSecond = "rate_per_second"
    case connectedAt = "connected_at"
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(number.id.text(.number), forKey: .id)
    try container.encode(number.state.name, forKey: .state)
    try container.encode(number.phoneNumberID, forKey: .phoneNumberID)
    try container.encode(number.wabaID, forKey: .wabaID)
    try container.encode(number.metaApp, forKey: .metaApp)
    try container.encode(number.displayPhoneNumber, forKey: .displayPhoneNumber)
    try container.encode(number.verifiedName, forKey: .verifiedName)
    if !number.stateReason.isEmpty {
      try container.encode(number.stateReason, forKey: .stateReason)
    }
    try container.encode(number.quality, forKey: .quality)
    try container.encode(number.ratePerSecond, forKey: .ratePerSecond)
    try container.encode(number.connectedAt, forKey: .connectedAt)
  }
}
