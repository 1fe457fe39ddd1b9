import Cryptography
import Edge
import Logging
import Messaging
import Platform
import Storage
import Wire

/// What a follower answers out of its copy: operators' reading requests, as its primary passes them
/// on, so that a long report costs the primary nothing.
///
/// Who asks was checked before. A follower's files are half a second behind: every answer says of
/// when it is (``ageHeader``), and one that would be far too old is refused.
public struct FollowerReads: Sendable {
  /// What stands in a request's query that a follower is to answer.
  static let mark = "read=follower"
  /// The time of the last record that the files had when the request came, as RFC 3339.
  static let ageHeader = "aimstors-as-of"
  /// What was durable at the primary so long ago must be in an answer.
  static let maximumLag = Duration.seconds(10)

  /// How far a copy's files are.
  public struct Standing: Sendable {
    /// The time of the last record that they have.
    let asOf: Timestamp
    /// That of the first one that they lack; nil: what was copied they have.
    let oldestUnapplied: Timestamp?
  }

  private let responder: HTTPOverMessaging<CellContext>
  private let standing: @Sendable () -> Standing?
  private let clock: any WallClock

  /// `standing`: nil while the copy is not open.
  public init(
    store: any TenantStore, cell: CellID, keys: KeyRing, clock: any WallClock,
    random: any RandomSource, logger: Logger, standing: @escaping @Sendable () -> Standing?
  ) {
    (self.standing, self.clock) = (standing, clock)
    responder = CellAPI.responder(
      CellServices(
        store: ReadingStore(base: store), clock: clock, boot: LiveBootClock(), random: random,
        claims: NoClaims(), gate: OpenSendGate(), sealer: Sealer(keys),
        graph: GraphClient(configuration: GraphConfiguration(), transport: NoGraph()), cell: cell,
        wakeOutbox: { _ in }), logger: logger)
  }

  /// Answers the primary.
  public func answer(_ request: IncomingRequest) async throws(Failure) -> [UInt8] {
    let envelope: Aimstors_ProtoRequest = try request.decoded()
    guard Self.isAsked(envelope) else {
      throw Failure(.forbidden, "a follower answers operators' reading requests only")
    }
    let now = Timestamp(milliseconds: clock.milliseconds())
    guard let standing = standing(), standing.isNear(at: now) else {
      throw Failure(
        .recovering, "this follower's files are too far behind", retryAfterMilliseconds: 1_000)
    }
    let vouched = IncomingRequest(
      method: .http,
      peer: PeerIdentity(
        role: .controlPlane, id: request.peer.id, generation: request.peer.generation),
      deadline: request.deadline, traceID: request.traceID, payload: [])
    var response = await responder.respond(to: envelope, from: vouched)
    var header = Aimstors_ProtoHeader()
    (header.name, header.value) = (Self.ageHeader, standing.asOf.rfc3339)
    response.headers.append(header)
    return try response.encoded()
  }

  /// Whether a request is for a follower.
  static func isAsked(_ envelope: Aimstors_ProtoRequest) -> Bool {
    guard envelope.method == "GET", envelope.hostKind == HostKind.admin.rawValue,
      let query = envelope.target.split(separator: "?", maxSplits: 1).dropFirst().first
    else { return false }
    return query.split(separator: "&").contains { $0 == mark }
  }

  /// Has the follower answer that is fed and lacks least, unless that is too much.
  static func pass(
    _ envelope: Aimstors_ProtoRequest, _ request: IncomingRequest, to links: [FollowerLink]
  ) async -> Aimstors_ProtoResponse {
    do throws(Failure) {
      let now = MonotonicTime.nanoseconds()
      let fed = links.compactMap { link -> (link: FollowerLink, missing: UInt64)? in
        let sight = link.current
        return sight.isStreaming ? (link, sight.oldestMissing(at: now)) : nil
      }
      guard let nearest = fed.min(by: { $0.missing < $1.missing }) else {
        throw Failure(.cellUnavailable, "no follower is fed", retryAfterMilliseconds: 1_000)
      }
      guard Duration.nanoseconds(nearest.missing) <= maximumLag else {
        throw Failure(
          .recovering, "every follower is too far behind", retryAfterMilliseconds: 1_000)
      }
      return try await nearest.link.answer(to: envelope, request)
    } catch {
      return Edge.Problem(error, traceID: request.traceID).envelope
    }
  }
}

extension FollowerReads.Standing {
  /// Nil where the engine does not run.
  public init?(_ engine: StorageEngine) {
    // In this order: what is applied between the questions makes the answer younger, not older.
    guard let applied = engine.applied else { return nil }
    self.init(asOf: applied.time, oldestUnapplied: engine.oldestUnapplied)
  }

  /// Whether nothing has waited for too long to be in the files.
  fileprivate func isNear(at now: Timestamp) -> Bool {
    guard let oldestUnapplied else { return true }
    let waited = now.milliseconds - oldestUnapplied.milliseconds
    return Duration.milliseconds(waited) <= FollowerReads.maximumLag
  }
}

extension FollowerLink {
  fileprivate func answer(
    to envelope: Aimstors_ProtoRequest, _ request: IncomingRequest
  ) async throws(Failure) -> Aimstors_ProtoResponse {
    do {
      return try Aimstors_ProtoResponse(
        serializedBytes: try await peer.request(
          .http, try envelope.serializedBytes(), timeout: request.deadline - ContinuousClock.now,
          traceID: request.traceID))
    } catch MessagingError.refused(let failure) {
      throw failure
    } catch {
      throw Failure(
        .cellUnavailable, "follower \(name) does not answer", retryAfterMilliseconds: 1_000)
    }
  }
}

/// A store that nobody writes to.
private struct ReadingStore: TenantStore {
  private static let refusal = Failure(
    .invalidState,
    "this request writes (an export is an entry of the log), and a follower's copy is only read: "
      + "ask without read=follower")

  let base: any TenantStore

  func write<T: Sendable>(
    _ tenant: TenantID, _ origin: CommandOrigin,
    _ body: @escaping @Sendable (Transaction) throws -> T
  ) async throws(Failure) -> T { throw Self.refusal }

  func perform(
    _ tenant: TenantID, _ origin: CommandOrigin, _ claim: IdempotencyClaim,
    _ body: @escaping @Sendable (Transaction) throws -> StoredAnswer
  ) async throws(Failure) -> StoredAnswer { throw Self.refusal }

  func read<T: Sendable>(
    _ tenant: TenantID, _ files: Set<FileKind>,
    _ body: @escaping @Sendable (Snapshot) throws -> T
  ) async throws(Failure) -> T { try await base.read(tenant, files, body) }
}
