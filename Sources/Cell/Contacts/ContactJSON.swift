import Wire

/// The body of making or changing a contact; what is absent stays as it is.
struct ContactInput: Decodable, Sendable {
  let waID: String?
  let userID: String?
  let name: String?
  let optedOut: Bool?
  let tags: Set<String>?

  private enum CodingKeys: String, CodingKey {
    case phone, name, tags
    case userID = "user_id"
    case optedOut = "opted_out"
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func refuse(_ key: CodingKeys, _ text: String) -> DecodingError {
      .dataCorruptedError(forKey: key, in: container, debugDescription: text)
    }
    waID = try container.decodeIfPresent(String.self, forKey: .phone).map { phone in
      guard let waID = ContactIdentity.waID(phone: phone) else {
        throw refuse(.phone, "a phone number in E.164, e.g. +15550001111")
      }
      return waID
    }
    userID = try container.decodeIfPresent(String.self, forKey: .userID)
    if let userID, !ContactIdentity.isUserID(userID) {
      throw refuse(.userID, "a user id of Meta's, e.g. US.13491208655302741918")
    }
    name = try container.decodeIfPresent(String.self, forKey: .name)
    if let name, name.utf8.count > Contact.maximumNameBytes {
      throw refuse(.name, "at most \(Contact.maximumNameBytes) bytes")
    }
    optedOut = try container.decodeIfPresent(Bool.self, forKey: .optedOut)
    tags = try container.decodeIfPresent([String].self, forKey: .tags).map { Set($0) }
    if let tags {
      guard tags.count <= Contact.maximumTags,
        tags.allSatisfy({ (1...Contact.maximumTagBytes).contains($0.utf8.count) })
      else {
        throw refuse(
          .tags, "at most \(Contact.maximumTags), each of 1 to \(Contact.maximumTagBytes) bytes")
      }
    }
  }
}

/// A contact as clients see it.
struct ContactAnswer: Encodable, Sendable {
  let contact: Contact
  let tags: [String]

  private enum CodingKeys: String, CodingKey {
    case id, phone, name, tags
    case userID = "user_id"
    case optedOut = "opted_out"
    case createdAt = "created_at"
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(contact.id.text(.contact), forKey: .id)
    try container.encode(contact.waID.map { "+" + $0 }, forKey: .phone)
    try container.encode(contact.userID, forKey: .userID)
    try container.encode(contact.name, forKey: .name)
    try container.encode(contact.optedOut, forKey: .optedOut)
    try container.encode(tags, forKey: .tags)
    try container.encode(contact.createdAt, forKey: .createdAt)
  }
}
