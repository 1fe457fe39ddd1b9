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
/// Who asks was checked before. A follower's files are half a second behind.
public struct FollowerReads: Sendable {
  /// What stands in a request's query that a follower is to answer.
  static let mark = "read=follower"

  private let responder: HTTPOverMessaging<CellContext>

  public init(
    store: any TenantStore, cell: CellID, keys: KeyRing, clock: any WallClock,
    random: any RandomSource, logger: Logger
  ) {
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
    let vouched = IncomingRequest(
      method: .http,
      peer: PeerIdentity(
        role: .controlPlane, id: request.peer.id, generation: request.peer.generation),
      deadline: request.deadline, traceID: request.traceID, payload: [])
    return try await responder.respond(to: envelope, from: vouched).encoded()
  }

  /// Whether a request is for a follower.
  static func isAsked(_ envelope: Aimstors_ProtoRequest) -> Bool {
    guard envelope.method == "GET", envelope.hostKind == HostKind.admin.rawValue,
      let query = envelope.target.split(separator: "?", maxSplits: 1).dropFirst().first
    else { return false }
    return query.split(separator: "&").contains { $0 == mark }
  }

  /// Has a follower that is fed answer.
  static func pass(
    _ envelope: Aimstors_ProtoRequest, _ request: IncomingRequest, to links: [FollowerLink]
  ) async -> Aimstors_ProtoResponse {
    do throws(Failure) {
      guard let link = links.first(where: { $0.current.isStreaming }) else {
        throw Failure(.cellUnavailable, "no follower is fed", retryAfterMilliseconds: 1_000)
      }
      return try await link.answer(to: envelope, request)
    } catch {
      return Edge.Problem(error, traceID: request.traceID).envelope
    }
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
  private static let refusal = Failure(.invalidState, "a follower's copy is only read")

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
