import Edge
import Wire

/// Room in memory for large bodies: one for requests on their way, one for answers that clients
/// have not taken yet, one for webhooks and one for those of strangers, each bounded in bytes.
///
/// Nobody has all of a room: a tenant or a Meta app has a part of it, and so has a client's
/// address, because whose a request really is only its cell can tell. Whose a webhook is only its
/// signature tells, and that over the whole body: so strangers take nothing of the room that Meta
/// needs, and who knows one app's secret not all of it. Small bodies need none: the number of
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
    /// An app's webhooks that come from where signed ones of it came lately.
    case webhooks(MetaAppID)
    /// All other webhooks together.
    case strangers
  }

  enum Entry: Hashable, Sendable {
    case entered
    /// The holder has as much as it may.
    case holderFull
    /// The address has as much as it may.
    case addressFull
    case full
  }

  private var requests: Room
  private var answers: Room
  private var webhooks: Room
  private var strangers: Room

  init(limits: RouterLimits) {
    requests = Room(
      Shares(limit: limits.bodyBytes, each: limits.bodyBytesPerTenant),
      each: limits.bodyBytesPerAddress)
    answers = Room(
      Shares(limit: limits.answerBytes, each: limits.answerBytesPerTenant), each: .max)
    let strangerBytes = min(limits.strangerBytes, limits.webhookBytes)
    webhooks = Room(
      Shares(limit: limits.webhookBytes - strangerBytes, each: limits.webhookBytesPerApp),
      each: limits.bodyBytesPerAddress)
    strangers = Room(
      Shares(limit: strangerBytes, each: .max), each: limits.strangerBytesPerAddress)
  }

  /// Of all rooms.
  var bytes: Int { requests.bytes + answers.bytes + webhooks.bytes + strangers.bytes }

  /// - Parameter address: Where it came from; nil where that is not counted.
  mutating func enter(_ holder: Holder, from address: NetworkAddress?, bytes size: Int) -> Entry {
    let address = address?.limitKey
    return switch holder {
    case .request: requests.enter(holder, address, size)
    case .answer: answers.enter(holder, address, size)
    case .webhooks: webhooks.enter(holder, address, size)
    case .strangers: strangers.enter(holder, address, size)
    }
  }

  mutating func leave(_ holder: Holder, from address: NetworkAddress?, bytes size: Int) {
    let address = address?.limitKey
    switch holder {
    case .request: requests.leave(holder, address, size)
    case .answer: answers.leave(holder, address, size)
    case .webhooks: webhooks.leave(holder, address, size)
    case .strangers: strangers.leave(holder, address, size)
    }
  }

  /// One room, and what of it came from where: behind one proxy no room keeps others out.
  private struct Room: Sendable {
    private var holders: Shares<Holder>
    private var origins: Shares<NetworkAddress>
    var bytes: Int { holders.bytes }

    /// - Parameter each: What of it one address may have.
    init(_ holders: Shares<Holder>, each: Int) {
      self.holders = holders
      origins = Shares(limit: .max, each: each)
    }

    mutating func enter(_ holder: Holder, _ address: NetworkAddress?, _ size: Int) -> Entry {
      if let address, origins.isOver(address, by: size) { return .addressFull }
      let entry = holders.enter(holder, size)
      guard entry == .entered, let address else { return entry }
      return origins.enter(address, size)
    }

    mutating func leave(_ holder: Holder, _ address: NetworkAddress?, _ size: Int) {
      holders.leave(holder, size)
      if let address { origins.leave(address, size) }
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
