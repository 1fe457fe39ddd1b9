import Hummingbird
import Logging
import Messaging
import Wire

/// Where a request came from: everything that its envelope says beside HTTP itself.
public struct EdgeSource: RequestContextSource, Sendable {
  /// Carries the trace id as metadata `trace_id`.
  public let logger: Logger
  public let hostKind: HostKind
  /// Nil where the request is the control plane's.
  public let tenant: TenantID?
  public let epoch: Epoch
  /// The process that sent the envelope, as its hello proved it: a router or the control plane.
  public let peer: PeerIdentity
  /// 32 hexadecimal digits.
  public let traceID: String
  /// The client's network address as the router saw it; empty where no client stands behind it.
  public let clientAddress: String
  /// The client's key, or the one that the router made; nil where a request carries none.
  public let idempotencyKey: String?
  /// Whether the client itself named the key: only then may it repeat the request.
  public let hasClientIdempotencyKey: Bool
  /// After this moment nobody waits for the answer.
  public let deadline: ContinuousClock.Instant

  public init(
    logger: Logger, hostKind: HostKind, tenant: TenantID?, epoch: Epoch, peer: PeerIdentity,
    traceID: String, clientAddress: String, idempotencyKey: String?,
    hasClientIdempotencyKey: Bool, deadline: ContinuousClock.Instant
  ) {
    self.logger = logger
    self.hostKind = hostKind
    self.tenant = tenant
    self.epoch = epoch
    self.peer = peer
    self.traceID = traceID
    self.clientAddress = clientAddress
    self.idempotencyKey = idempotencyKey
    self.hasClientIdempotencyKey = hasClientIdempotencyKey
    self.deadline = deadline
  }
}
