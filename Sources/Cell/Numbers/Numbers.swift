import Storage
import Wire

/// A tenant's numbers inside one transaction.
struct Numbers {
  private let tx: Transaction
  private let store: NumbersStore

  init(_ tx: Transaction) throws {
    self.tx = tx
    store = NumbersStore(try tx.file(.messages))
  }

  /// A number that is not removed.
  ///
  /// Throws `not_found`.
  func find(_ id: RowID) throws -> Number {
    guard let number = try remembered(id), number.state != .removed else {
      throw Failure(.notFound, "there is no such number")
    }
    return number
  }

  private struct Key: Hashable {
    let number: RowID
  }

  private func remembered(_ id: RowID) throws -> Number? {
    try tx.remember(Key(number: id), in: .messages, tables: NumbersSchema.tableIDs) {
      try NumbersStore($0).find(id)
    }
  }

  /// Nil where no number with this id of Meta's is connected.
  func find(phoneNumberID: String) throws -> Number? {
    try store.find(phoneNumberID: phoneNumberID)
  }

  /// Connects a number; one that is connected gets the new token and keeps its identifier.
  func connect(_ input: NumberInput, _ graph: GraphPhoneNumber, _ sealer: Sealer) throws -> Number {
    let existing = try store.find(phoneNumberID: input.phoneNumberID)
    let token = Number.seal(
      input.accessToken, phoneNumberID: input.phoneNumberID, of: tx.tenant, sealer,
      nonce: tx.randomBytes(Sealer.nonceBytes))
    let number = Number(
      id: existing?.id ?? tx.freshID(), phoneNumberID: input.phoneNumberID,
      wabaID: input.wabaID, metaApp: input.metaApp,
      displayPhoneNumber: graph.display_phone_number ?? "",
      verifiedName: graph.verified_name ?? "", sealedToken: token,
      connectedAt: existing?.connectedAt ?? tx.now, state: .connected, stateReason: "",
      quality: graph.quality_rating ?? "UNKNOWN", ratePerSecond: graph.ratePerSecond)
    if existing == nil {
      try store.insert(number)
    } else {
      try store.replace(number)
    }
    return number
  }

  /// Sets what a number may do, with the reason where it is blocked.
  func setState(_ id: RowID, _ state: NumberState, reason: String = "") throws {
    var number = try find(id)
    guard number.state != state || number.stateReason != reason else { return }
    number.state = state
    number.stateReason = state == .connected ? "" : reason
    try store.update(number)
  }

  /// Takes over what Meta says about a number; nil leaves a field as it is.
  func update(_ id: RowID, quality: String? = nil, ratePerSecond: Int? = nil) throws {
    var number = try find(id)
    number.quality = quality ?? number.quality
    number.ratePerSecond = ratePerSecond ?? number.ratePerSecond
    try store.update(number)
  }

  /// Removes a number and its token.
  ///
  /// Answers its id of Meta's; throws `not_found` where we never had it.
  func remove(_ id: RowID) throws -> String {
    guard var number = try store.find(id) else {
      throw Failure(.notFound, "there is no such number")
    }
    if number.state != .removed {
      number.state = .removed
      number.stateReason = ""
      try store.update(number)
      try store.forgetToken(id)
    }
    return number.phoneNumberID
  }
}
