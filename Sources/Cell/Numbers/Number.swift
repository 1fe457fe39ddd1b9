import Wire

/// What a connected number may do now.
///
/// The number stands in rows and is never reused.
enum NumberState: Int64, Sendable, CaseIterable {
  case connected = 1
  /// Graph refuses every send of it: token, permission, registration or payment. Sends wait until
  /// it is connected again or its state is set back.
  case blocked = 2
  /// No longer ours; its row stays for the messages that name it.
  case removed = 3

  var name: String {
    switch self {
    case .connected: "connected"
    case .blocked: "blocked"
    case .removed: "removed"
    }
  }
}

/// One WhatsApp business number of a tenant.
struct Number: Hashable, Sendable {
  let id: RowID
  let phoneNumberID: String
  let wabaID: String
  let metaApp: MetaAppID
  let displayPhoneNumber: String
  let verifiedName: String
  /// Opened by ``accessToken(_:)``; empty once the number is removed.
  let sealedToken: [UInt8]
  let connectedAt: Timestamp
  var state: NumberState
  /// Why it is blocked; empty otherwise.
  var stateReason: String
  /// GREEN, YELLOW, RED or UNKNOWN.
  var quality: String
  /// Messages that may be sent per second.
  var ratePerSecond: Int

  /// The token for Graph.
  ///
  /// Never logged.
  func accessToken(_ sealer: Sealer, of tenant: TenantID) throws(Failure) -> String {
    String(
      decoding: try Self.open(sealedToken, phoneNumberID: phoneNumberID, tenant, sealer),
      as: UTF8.self)
  }

  /// Opens a token; also one that was sealed before tokens were under their tenant's key.
  static func open(
    _ sealed: [UInt8], phoneNumberID: String, _ tenant: TenantID, _ sealer: Sealer
  ) throws(Failure) -> [UInt8] {
    let owner = owner(tenant, phoneNumberID)
    return try sealer.open(sealed, owner: owner, or: "number/\(phoneNumberID)")
  }

  static func seal(
    _ token: String, phoneNumberID: String, of tenant: TenantID, _ sealer: Sealer,
    nonce: [UInt8]
  ) -> [UInt8] {
    sealer.seal(Array(token.utf8), owner: owner(tenant, phoneNumberID), nonce: nonce)
  }

  static func owner(_ tenant: TenantID, _ phoneNumberID: String) -> String {
    "\(tenant)/number/\(phoneNumberID)"
  }
}
