import Storage
import Wire

/// A tenant's contacts inside one transaction.
///
/// One person may be known by phone, by business-scoped user id, or by both. What a payload brings
/// together is one contact, unless it contradicts what is known: then nothing is merged and the
/// phone decides, since that is where messages go.
struct Contacts {
  private let tx: Transaction
  private let store: ContactsStore

  init(_ tx: Transaction) throws {
    self.tx = tx
    store = ContactsStore(try tx.file(.messages))
  }

  /// The contact with this identity, made, completed or merged as the payload tells.
  ///
  /// Throws `invalid_request` where it has neither phone nor user id.
  @discardableResult
  func seen(waID: String?, userID: String?, name: String?, at: Timestamp) throws -> Contact {
    guard let identity = ContactIdentity(waID: waID, userID: userID) else {
      throw Failure(.invalidRequest, "a contact needs a phone number or a user id")
    }
    var contact = try resolve(identity)
    if let name, !name.isEmpty, name != contact.name {
      contact.name = Self.fitting(name)
      try store.update(contact)
    }
    return contact
  }

  /// The contact with this identifier, or the one it was merged into.
  ///
  /// Throws `not_found`.
  func find(_ id: RowID) throws -> Contact {
    guard let contact = try store.following(id) else {
      throw Failure(.notFound, "there is no such contact")
    }
    return contact
  }

  /// Whether this person asked for no more marketing.
  ///
  /// Somebody unknown did not.
  func isOptedOut(waID: String?, userID: String?) throws -> Bool {
    if let waID, let contact = try store.find(waID: waID), contact.optedOut { return true }
    if let userID, let contact = try store.find(userID: userID), contact.optedOut { return true }
    return false
  }

  /// Records that a person asked for no more marketing.
  @discardableResult
  func optOut(waID: String?, userID: String?) throws -> Contact {
    let contact = try seen(waID: waID, userID: userID, name: nil, at: tx.now)
    return try setOptedOut(contact.id, true)
  }

  /// Records that a person takes marketing again.
  @discardableResult
  func optIn(waID: String?, userID: String?) throws -> Contact {
    let contact = try seen(waID: waID, userID: userID, name: nil, at: tx.now)
    return try setOptedOut(contact.id, false)
  }

  @discardableResult
  func setOptedOut(_ id: RowID, _ optedOut: Bool) throws -> Contact {
    var contact = try find(id)
    guard contact.optedOut != optedOut else { return contact }
    contact.optedOut = optedOut
    try store.setConsent(contact, at: tx.now)
    return contact
  }

  func rename(_ id: RowID, _ name: String) throws {
    var contact = try find(id)
    contact.name = name
    try store.update(contact)
  }

  func tags(of id: RowID) throws -> [String] { try store.tags(of: id) }

  func setTags(_ tags: Set<String>, of id: RowID) throws {
    let current = Set(try store.tags(of: id))
    for tag in current.subtracting(tags).sorted() { try store.removeTag(tag, from: id) }
    for tag in tags.subtracting(current).sorted() { try store.addTag(tag, to: id) }
  }

  /// A person moved to another phone number: the contact follows.
  @discardableResult
  func changedNumber(from old: String, to new: String) throws -> Contact {
    guard var contact = try store.find(waID: old) else {
      return try seen(waID: new, userID: nil, name: nil, at: tx.now)
    }
    if let other = try store.find(waID: new) {
      guard other.id != contact.id else { return contact }
      // The user id belonged to the old number; a new one comes with the new number.
      contact.userID = nil
      try store.update(contact)
      return try merge(other, contact)
    }
    contact.waID = new
    contact.userID = nil
    try store.update(contact)
    return contact
  }

  // MARK: - Identity

  private func resolve(_ identity: ContactIdentity) throws -> Contact {
    let byPhone = try identity.waID.flatMap { try store.find(waID: $0) }
    let byUser = try identity.userID.flatMap { try store.find(userID: $0) }
    switch (byPhone, byUser) {
    case (nil, nil): return try make(identity)
    case (.some(let contact), nil): return try complete(contact, userID: identity.userID)
    case (nil, .some(let contact)):
      guard let waID = identity.waID else { return contact }
      guard contact.waID == nil else {
        // The user id is known with another phone: they contradict, and the phone decides.
        return try make(ContactIdentity(waID: waID, userID: nil) ?? identity)
      }
      var completed = contact
      completed.waID = waID
      try store.update(completed)
      return completed
    case (.some(let phone), .some(let user)):
      if phone.id == user.id || phone.userID != nil || user.waID != nil { return phone }
      return try merge(phone, user)
    }
  }

  private func complete(_ contact: Contact, userID: String?) throws -> Contact {
    guard let userID, contact.userID == nil else { return contact }
    var completed = contact
    completed.userID = userID
    try store.update(completed)
    return completed
  }

  private func make(_ identity: ContactIdentity) throws -> Contact {
    let contact = Contact(
      id: tx.freshID(), waID: identity.waID, userID: identity.userID, name: "", optedOut: false,
      createdAt: tx.now, mergedInto: nil)
    try store.insert(contact)
    return contact
  }

  /// Makes one contact of two: the older stays.
  ///
  /// Who opted out as either stays opted out.
  private func merge(_ a: Contact, _ b: Contact) throws -> Contact {
    var (kept, gone) = a.id < b.id ? (a, b) : (b, a)
    let waID = a.waID ?? b.waID
    let userID = a.userID ?? b.userID
    gone.waID = nil
    gone.userID = nil
    gone.mergedInto = kept.id
    // The keys are unique: they leave one row before they come to the other.
    try store.update(gone)
    kept.waID = waID
    kept.userID = userID
    if kept.name.isEmpty { kept.name = gone.name }
    try store.update(kept)
    if gone.optedOut, !kept.optedOut {
      kept.optedOut = true
      try store.setConsent(kept, at: tx.now)
    }
    let tags = Set(try store.tags(of: kept.id)).union(try store.tags(of: gone.id))
    try setTags(tags, of: kept.id)
    return kept
  }

  private static func fitting(_ name: String) -> String {
    var name = name
    while name.utf8.count > Contact.maximumNameBytes { name.removeLast() }
    return name
  }
}
