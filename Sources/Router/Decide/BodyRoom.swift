import Wire

/// Room in memory for large bodies, of requests on their way and of answers that clients have not
/// taken yet: bounded in bytes, and per holder, so that one tenant's do not take the room of all.
///
/// Small bodies need none: the number of connections bounds them, and no flood of large ones keeps
/// them out.
struct BodyRoom: Sendable {
  enum Holder: Hashable, Sendable {
    case tenant(TenantID)
    case controlPlane
    /// All webhooks together; their room is their own.
    case webhooks
  }

  enum Entry: Hashable, Sendable {
    case entered
    /// The holder has as much as it may.
    case holderFull
    case full
  }

  private let limit: Int
  private let perHolder: Int
  private let forWebhooks: Int
  private var held: [Holder: Int] = [:]
  /// Of all holders.
  private(set) var bytes = 0

  init(limits: RouterLimits) {
    limit = limits.bodyBytes
    perHolder = limits.bodyBytesPerTenant
    forWebhooks = limits.webhookBytes
  }

  mutating func enter(_ holder: Holder, bytes size: Int) -> Entry {
    let own = held[holder] ?? 0
    if holder == .webhooks {
      guard own + size <= forWebhooks else { return .full }
    } else {
      guard own + size <= perHolder else { return .holderFull }
      guard bytes - (held[.webhooks] ?? 0) + size <= limit else { return .full }
    }
    held[holder] = own + size
    bytes += size
    return .entered
  }

  mutating func leave(_ holder: Holder, bytes size: Int) {
    guard let own = held[holder], own >= size else {
      preconditionFailure("\(holder) does not hold \(size) bytes")
    }
    held[holder] = own == size ? nil : own - size
    bytes -= size
  }
}
