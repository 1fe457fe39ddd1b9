import Wire

/// The body of creating a campaign.
struct CampaignInput: Decodable, Sendable {
  struct TemplateName: Decodable, Sendable {
    let name: String
    let language: String
  }
  let name: String
  let numberID: String
  let template: TemplateName
  let scheduledAt: Timestamp?

  private enum CodingKeys: String, CodingKey {
    case name, template
    case numberID = "number_id"
    case scheduledAt = "scheduled_at"
  }
}

/// The body of starting a campaign; it may be empty.
struct CampaignStart: Hashable, Sendable {
  let scheduledAt: Timestamp?

  init(_ body: [UInt8]) throws(Failure) {
    guard !body.isEmpty else {
      scheduledAt = nil
      return
    }
    guard let root = try? JSONTape(body).root, root.kind == .object else {
      throw Failure(.invalidJSON, "the body must be a JSON object")
    }
    let field = FieldCheck(root["scheduled_at"], "scheduled_at")
    guard field.isPresent else {
      scheduledAt = nil
      return
    }
    guard let time = Timestamp(rfc3339: try field.text(1...64)) else {
      throw field.refuse("must be an RFC 3339 time")
    }
    scheduledAt = time
  }
}
