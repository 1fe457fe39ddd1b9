/// Where a message stands.
///
/// The number stands in rows and is never reused.
///
/// Outgoing: queued → sending → accepted → sent → delivered → read → played; the last four only
/// rise. `ambiguous` may become any of them. `failed`, `suppressed`, `cancelled` and `expired` are
/// final, except that evidence of delivery wins over them.
public enum MessageState: Int64, Sendable, CaseIterable {
  /// Waits to be sent, at once or at its due time. May become `sending`, `cancelled`,
  /// `suppressed`, `failed`.
  case queued = 0
  /// The intent is durable; the request may have left. Never sent again from here, except where
  /// the outcome proves that it was not sent.
  case sending = 1
  /// It may have been sent. Keeps its money held until a status or the clock resolves it.
  case ambiguous = 2
  /// Graph took it; charged.
  case accepted = 3
  case sent = 4
  case delivered = 5
  case read = 6
  /// A voice note was played.
  case played = 7
  /// Finally failed; not charged or refunded.
  case failed = 8
  /// Not sent because the recipient opted out.
  case suppressed = 9
  case cancelled = 10
  /// Ambiguous until its hold ran out.
  case expired = 11
  /// Incoming; never changes.
  case received = 12

  /// The word that clients and the view `message_status` show.
  public var name: String {
    switch self {
    case .queued: "queued"
    case .sending: "sending"
    case .ambiguous: "ambiguous"
    case .accepted: "accepted"
    case .sent: "sent"
    case .delivered: "delivered"
    case .read: "read"
    case .played: "played"
    case .failed: "failed"
    case .suppressed: "suppressed"
    case .cancelled: "cancelled"
    case .expired: "expired"
    case .received: "received"
    }
  }

  public init?(name: String) {
    guard let state = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = state
  }

  /// How far delivery has come; nil outside the lattice sent < delivered < read < played.
  var deliveryRank: Int64? {
    switch self {
    case .accepted, .sent, .delivered, .read, .played: rawValue
    default: nil
    }
  }

  /// Whether the recipient has it.
  var hasArrived: Bool { (deliveryRank ?? 0) >= Self.delivered.rawValue }
}

/// What a status webhook says.
public enum StatusKind: Hashable, Sendable {
  case sent, delivered, read, played, failed
  /// Deleted, warning, or one that Meta adds tomorrow: stored, changes nothing.
  case other(String)

  public init(_ name: String) {
    switch name {
    case "sent": self = .sent
    case "delivered": self = .delivered
    case "read": self = .read
    case "played": self = .played
    case "failed": self = .failed
    default: self = .other(name)
    }
  }

  var reached: MessageState? {
    switch self {
    case .sent: .sent
    case .delivered: .delivered
    case .read: .read
    case .played: .played
    case .failed, .other: nil
    }
  }
}
