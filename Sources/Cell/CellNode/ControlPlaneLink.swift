import Cryptography
import Logging
import Messaging
import Storage
import SwiftProtobuf
import Synchronization
import Wire

/// The cell's side of its talk with the control plane: joins, reports, claims keys.
///
/// Everything here may fail for as long as the control plane is away; the cell serves meanwhile.
final class ControlPlaneLink: KeyClaims {
  private let peer: any Peer
  private let directives: Directives
  private let logger: Logger
  private let state = Mutex(State())

  private struct State {
    var isJoined = false
    var trouble: Trouble?
    /// What the last join answered.
    var placed: [TenantID: Epoch]?
  }

  /// Why the cell has not joined, or not any more.
  struct Trouble: Hashable, Sendable {
    let failure: Failure
    /// Since when nothing but failures with this code have come.
    let since: Timestamp

    /// The control plane answers, and does not take this cell.
    var isRefusal: Bool { failure.code.httpStatus < 500 }
    /// The problem's code.
    var code: String { isRefusal ? "join_refused" : "control_plane_unreachable" }
  }

  static let credentialFact = "control-plane-credential"

  init(peer: any Peer, directives: Directives, logger: Logger) {
    self.peer = peer
    self.directives = directives
    self.logger = logger
  }

  /// Whether the control plane answered last and knows this cell.
  var isJoined: Bool { state.withLock { $0.isJoined } }

  /// The tenants that the control plane has placed here, with their epochs; nil before the first
  /// join.
  var placed: [TenantID: Epoch]? { state.withLock { $0.placed } }

  /// Nil while all is well, and before the first answer.
  var trouble: Trouble? { state.withLock { $0.trouble } }

  /// Takes note of a failed call: after any of them the cell joins anew, which is idempotent.
  ///
  /// Says so once, and again where the reason becomes another.
  func report(_ failure: Failure, at now: Timestamp) {
    let (wasJoined, trouble, isNew) = state.withLock { state in
      let wasJoined = state.isJoined
      let earlier = state.trouble.flatMap { $0.failure.code == failure.code ? $0 : nil }
      let trouble = Trouble(failure: failure, since: earlier?.since ?? now)
      state.isJoined = false
      state.trouble = trouble
      return (wasJoined, trouble, earlier == nil)
    }
    guard isNew else { return }
    logger.log(
      level: trouble.isRefusal ? .error : .warning,
      trouble.isRefusal
        ? "the control plane refuses this cell"
        : wasJoined ? "control plane lost" : "the control plane does not answer",
      metadata: ["code": "\(failure.code.rawValue)", "reason": "\(failure.detail)"])
  }

  /// Joins with the stored credential, or with the one-time token, and puts the standing orders
  /// that come back in force; answers the format ceiling.
  @discardableResult
  func join(_ request: Aimstors_ProtoJoin) async throws(Failure) -> UInt32 {
    var request = request
    if let credential = try await directives.fact(Self.credentialFact) {
      request.credential = String(decoding: credential, as: UTF8.self)
    }
    let answer: Aimstors_ProtoJoined = try await call(
      .join, request, timeout: CellLimits.claimTimeout)
    if !answer.credential.isEmpty, answer.credential != request.credential {
      try await directives.setFact(Self.credentialFact, Array(answer.credential.utf8))
    }
    for stop in answer.sendStops {
      if let stop = SendStop(stop) { try await directives.apply(stop, trace: "") }
    }
    for profile in answer.tenants {
      guard let entry = DirectoryEntry(profile) else { continue }
      if directives.state(of: entry.tenant) != entry.state
        || directives.modes.own(of: entry.tenant) != entry.durability
      {
        try await directives.set(entry, trace: "")
      }
    }
    let placed = answer.tenants.compactMap { profile in
      TenantID(profile.tenant).map { ($0, Epoch(profile.epoch)) }
    }
    state.withLock {
      $0 = State(isJoined: true, placed: Dictionary(placed) { first, _ in first })
    }
    return answer.formatCeiling
  }

  /// The key that impersonation grants are signed with.
  func grantKey() async throws(Failure) -> VerifyingKey {
    let bytes = try await send(.grantKey, [], timeout: CellLimits.controlPlaneTimeout)
    guard let key = VerifyingKey(bytes) else {
      throw Failure(.controlPlaneUnavailable, "the control plane's answer could not be read")
    }
    return key
  }

  /// The witness's signature under a log's statement.
  func witness(_ statement: [UInt8]) async throws(Failure) -> [UInt8] {
    try await send(.checkpoint, statement, timeout: CellLimits.controlPlaneTimeout)
  }

  /// Answers the format ceiling; 0 of an older control plane.
  func heartbeat(_ heartbeat: Aimstors_ProtoHeartbeat) async throws(Failure) -> UInt32 {
    let answer: Aimstors_ProtoHeartbeatAnswer = try await call(
      .heartbeat, heartbeat, timeout: CellLimits.controlPlaneTimeout)
    return answer.formatCeiling
  }

  func claim(
    _ kind: ClaimKind, _ key: String, for tenant: TenantID, name: String?,
    through app: MetaAppID?
  ) async throws(Failure) {
    let answer = try await change(
      kind, key, tenant, released: false, name: name, through: app)
    guard answer.refusedKey.isEmpty else {
      throw Failure(
        kind == .phoneNumber || kind == .waba ? .numberClaimed : .conflict,
        "another tenant holds \(kind.rawValue) \(key)")
    }
  }

  func release(_ kind: ClaimKind, _ key: String, of tenant: TenantID) async throws(Failure) {
    _ = try await change(kind, key, tenant, released: true)
  }

  private func change(
    _ kind: ClaimKind, _ key: String, _ tenant: TenantID, released: Bool, name: String? = nil,
    through app: MetaAppID? = nil
  ) async throws(Failure) -> Aimstors_ProtoClaimAnswer {
    var claim = Aimstors_ProtoKeyClaim()
    claim.kind = kind.rawValue
    claim.key = key
    claim.tenant = tenant.rawValue
    claim.released = released
    claim.name = name ?? ""
    var request = Aimstors_ProtoClaimRequest()
    request.tenant = tenant.rawValue
    request.claims = [claim]
    request.metaApp = app?.rawValue ?? ""
    return try await call(.claim, request, timeout: CellLimits.claimTimeout)
  }

  private func call<Answer: SwiftProtobuf.Message>(
    _ method: WireMethod, _ message: some SwiftProtobuf.Message, timeout: Duration
  ) async throws(Failure) -> Answer {
    let bytes = try await raw(method, message, timeout: timeout)
    do { return try Answer(serializedBytes: bytes) } catch {
      throw Failure(.controlPlaneUnavailable, "the control plane's answer could not be read")
    }
  }

  private func raw(
    _ method: WireMethod, _ message: some SwiftProtobuf.Message, timeout: Duration
  ) async throws(Failure) -> [UInt8] {
    let payload: [UInt8]
    do { payload = try message.serializedBytes() } catch {
      throw Failure(.internalError, "a message could not be encoded")
    }
    return try await send(method, payload, timeout: timeout)
  }

  private func send(
    _ method: WireMethod, _ payload: [UInt8], timeout: Duration
  ) async throws(Failure) -> [UInt8] {
    do {
      return try await peer.request(method, payload, timeout: timeout, traceID: "")
    } catch .refused(let failure) {
      throw failure
    } catch {
      throw Failure(
        .controlPlaneUnavailable, "the control plane does not answer", retryAfterMilliseconds: 1000)
    }
  }
}

extension SendStop {
  /// Nil for a scope that this version does not know.
  init?(_ message: Aimstors_ProtoSendStop) {
    let own: Set<StopReason.Scope> = [.tenantState, .restored, .moving]
    guard let scope = StopReason.Scope(rawValue: message.scope), !own.contains(scope) else {
      return nil
    }
    self.init(
      scope: scope, id: message.id, reason: message.reason,
      since: Timestamp(milliseconds: message.sinceMs), version: message.version,
      lifted: message.lifted)
  }
}

extension DirectoryEntry {
  /// Nil for a malformed tenant; an unknown state is taken as the safest one known.
  init?(_ message: Aimstors_ProtoTenantProfile) {
    guard let tenant = TenantID(message.tenant) else { return nil }
    self.init(
      tenant: tenant, state: TenantState(rawValue: message.state) ?? .suspended,
      reason: message.reason, changedAt: Timestamp(milliseconds: message.createdAtMs),
      durability: DurabilityMode(said: message.durability), version: message.version)
  }
}
