import Edge
import Wire

/// Room in memory for large bodies: one for requests on their way, one for answers that clients
/// have not taken yet, one for webhooks, each bounded in bytes.
///
/// Nobody has all of a room: a tenant has a part of it, and so has a client's address, because
/// whose a request really is only its cell can tell. Small bodies need none: the number of
/// connections bounds them, and no flood of large ones keeps them out.
struct BodyRoom: Sendable {
  /// Whose requests and answers are counted together.
  enum Party: Hashable, Sendable {
    case tenant(TenantID)
    case controlPlane
  }

  enum Holder: Hashable, Sendable {
    case request(Party)
    case answer(Party)
    /// All webhooks together.
    case webhooks
  }

  enum Entry: Hashable, Sendable {
    case entered
    /// The holder has as much as it may.
    case holderFull
    /// The address has as much as it may.
    case addressFull
    case full
  }

  private var requests: Shares<Holder>
  private var answers: Shares<Holder>
  private var webhooks: Shares<Holder>
  /// What of requests and of webhooks came from where.
  ///
  /// Apart: behind one proxy neither keeps the other out.
  private var requesters: Shares<NetworkAddress>
  private var senders: Shares<NetworkAddress>

  init(limits: RouterLimits) {
    requests = Shares(limit: limits.bodyBytes, each: limits.bodyBytesPerTenant)
    answers = Shares(limit: limits.answerBytes, each: limits.answerBytesPerTenant)
    webhooks = Shares(limit: limits.webhookBytes, each: .max)
    requesters = Shares(limit: .max, each: limits.bodyBytesPerAddress)
    senders = requesters
  }

  /// Of all rooms.
  var bytes: Int { requests.bytes + answers.bytes + webhooks.bytes }

  /// - Parameter address: Where it came from; nil where that is not counted.
  mutating func enter(_ holder: Holder, from address: NetworkAddress?, bytes size: Int) -> Entry {
    let address = address?.limitKey
    let isWebhook = holder == .webhooks
    if let address, (isWebhook ? senders : requesters).isOver(address, by: size) {
      return .addressFull
    }
    let entry =
      switch holder {
      case .request: requests.enter(holder, size)
      case .answer: answers.enter(holder, size)
      case .webhooks: webhooks.enter(holder, size)
      }
    guard entry == .entered, let address else { return entry }
    return isWebhook ? senders.enter(address, size) : requesters.enter(address, size)
  }

  mutating func leave(_ holder: Holder, from address: NetworkAddress?, bytes size: Int) {
    switch holder {
    case .request: requests.leave(holder, size)
    case .answer: answers.leave(holder, size)
    case .webhooks: webhooks.leave(holder, size)
    }
    guard let address = address?.limitKey else { return }
    if holder == .webhooks {
      senders.leave(address, size)
    } else {
      requesters.leave(address, size)
    }
  }

  /// Bytes in all and of each; who has none takes no room here.
  private struct Shares<Key: Hashable & Sendable>: Sendable {
    private let limit: Int
    private let each: Int
    private(set) var bytes = 0
    private var held: [Key: Int] = [:]

    init(limit: Int, each: Int) {
      self.limit = limit
      self.each = each
    }

    func isOver(_ key: Key, by size: Int) -> Bool { held[key, default: 0] + size > each }

    mutating func enter(_ key: Key, _ size: Int) -> Entry {
      guard !isOver(key, by: size) else { return .holderFull }
      guard bytes + size <= limit else { return .full }
      held[key, default: 0] += size
      bytes += size
      return .entered
    }

    mutating func leave(_ key: Key, _ size: Int) {
      guard let own = held[key], own >= size else {
        preconditionFailure("\(key) does not hold \(size) bytes")
      }
      held[key] = own == size ? nil : own - size
      bytes -= size
    }
  }
}
