import Wire

/// What the control plane asks of a source: this tenant, to that cell, under this epoch.
struct MoveOrder: Hashable, Sendable {
  let operation: String
  let tenant: TenantID
  let target: CellID
  let address: String
  let epoch: Epoch
  let capMilliseconds: Int64

  /// Why a move ends that somebody wants given up.
  static let cancelled = Failure(.conflict, "the move was cancelled")

  init(
    operation: String, tenant: TenantID, target: CellID, address: String, epoch: Epoch,
    capMilliseconds: Int64 = MoveLimits.capMilliseconds
  ) {
    self.operation = operation
    self.tenant = tenant
    self.target = target
    self.address = address
    self.epoch = epoch
    self.capMilliseconds = capMilliseconds
  }

  /// Throws `invalid_identifier` or `invalid_field`.
  init(_ message: Aimstors_ProtoCellWork) throws(Failure) {
    guard let tenant = TenantID(message.tenant), tenant != .cellStore else {
      throw Failure(.invalidIdentifier, "not a tenant id")
    }
    guard let target = CellID(message.move.target), !message.move.address.isEmpty,
      message.move.epoch > 0
    else { throw Failure(.invalidField, "move: a target, its address, and an epoch") }
    let cap = message.move.capMs == 0 ? MoveLimits.capMilliseconds : message.move.capMs
    guard (1...MoveLimits.longestCapMilliseconds).contains(cap) else {
      throw Failure(
        .invalidField, "cap_ms: between 1 and \(MoveLimits.longestCapMilliseconds)")
    }
    self.init(
      operation: message.operation, tenant: tenant, target: target, address: message.move.address,
      epoch: Epoch(message.move.epoch), capMilliseconds: cap)
  }
}

/// What a move came to; the operation's result.
struct MoveResult: Codable, Hashable, Sendable {
  let tenantID: String
  let fromCell: String
  let toCell: String
  let fromEpoch: UInt64
  let toEpoch: UInt64
  /// From the fence to the adoption; nil where a restart of the source lies between them.
  let pauseMicroseconds: Int64?
  /// The same, rounded up.
  let pauseMilliseconds: Int64?
  /// When the pause began and ended.
  let fencedAt: Timestamp?
  let servedAt: Timestamp
  let bytes: UInt64
  let records: UInt64
  /// Whether the digests were equal at the fence: without it nothing is released.
  let digestMatch: Bool
  /// Sends whose outcome was not known at the fence.
  let openIntents: Int

  enum CodingKeys: String, CodingKey {
    case tenantID = "tenant_id"
    case fromCell = "from_cell"
    case toCell = "to_cell"
    case fromEpoch = "from_epoch"
    case toEpoch = "to_epoch"
    case pauseMicroseconds = "pause_us"
    case pauseMilliseconds = "pause_ms"
    case fencedAt = "fenced_at"
    case servedAt = "served_at"
    case bytes, records
    case digestMatch = "digest_match"
    case openIntents = "open_intents"
  }
}
