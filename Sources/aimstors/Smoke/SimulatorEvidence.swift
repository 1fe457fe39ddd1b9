import GraphSimulator

/// What the simulator's log proves, counted from the log alone.
struct SimulatorEvidence: Hashable {
  /// The price of one message in micros, by the calling code that its recipient begins with; the
  /// longest code that fits counts, the empty one for all others.
  typealias PriceList = [String: Int64]

  /// Requests to send a message that reached Graph.
  private(set) var requests = 0
  /// Different messages of ours among them, by the id that we put in.
  private(set) var distinct = 0
  /// Messages that Graph accepted more than once.
  private(set) var doubleSends = 0
  /// Messages that Graph accepted.
  private(set) var accepted = 0
  /// Accepted messages with a `failed` status.
  private(set) var failedLater = 0
  /// The price of what was accepted and did not fail.
  private(set) var spentMicros: Int64 = 0
  /// Events that were delivered, and answered with 200, more than once.
  private(set) var duplicated = 0
  /// Messages whose statuses first arrived in another order than they happened.
  private(set) var reordered = 0

  private static let rank = ["sent": 1, "delivered": 2, "read": 3, "failed": 4]

  /// - Parameters:
  ///   - log: the answer of `GET /_sim/requests`.
  ///   - number: only messages of this phone number id are counted as sends.
  init(log: JSON, number: String, prices: PriceList) {
    var acceptances: [String: Int] = [:]
    var callbacks: Set<String> = []
    var price: [String: Int64] = [:]
    for request in log["requests"]?.array ?? [] {
      guard request["method"]?.string == "POST",
        request["path"]?.string?.hasSuffix("/\(number)/messages") == true,
        let callback = request["callback_data"]?.string
      else { continue }
      requests += 1
      callbacks.insert(callback)
      guard let wamid = request["wamid"]?.string else { continue }
      accepted += 1
      acceptances[callback, default: 0] += 1
      price[wamid] = Self.price(of: request["body"]?["to"]?.text ?? "", prices)
    }
    distinct = callbacks.count
    doubleSends = acceptances.values.count { $0 > 1 }
    readWebhooks(log, price)
  }

  private mutating func readWebhooks(_ log: JSON, _ price: [String: Int64]) {
    var deliveries: [String: Int] = [:]
    var highest: [String: Int] = [:]
    var outOfOrder: Set<String> = []
    var failed: Set<String> = []
    for webhook in log["webhooks"]?.array ?? [] where webhook["result"]?.integer == 200 {
      guard let text = webhook["body"]?.string, let body = try? JSON(parsing: text) else {
        continue
      }
      for event in Self.events(body) {
        let key = "\(event.id) \(event.status)"
        deliveries[key, default: 0] += 1
        guard deliveries[key] == 1, let rank = Self.rank[event.status] else { continue }
        if rank < highest[event.id] ?? 0 { outOfOrder.insert(event.id) }
        highest[event.id] = max(rank, highest[event.id] ?? 0)
        if event.status == "failed" { failed.insert(event.id) }
      }
    }
    duplicated = deliveries.values.count { $0 > 1 }
    reordered = outOfOrder.count
    failedLater = price.keys.count { failed.contains($0) }
    spentMicros = price.reduce(0) { failed.contains($1.key) ? $0 : $0 + $1.value }
  }

  /// Messages and statuses of one webhook, as (id, status); a message's status is `received`.
  private static func events(_ body: JSON) -> [(id: String, status: String)] {
    var events: [(String, String)] = []
    for entry in body["entry"]?.array ?? [] {
      for change in entry["changes"]?.array ?? [] {
        for status in change["value"]?["statuses"]?.array ?? [] {
          events.append((status.cell("id"), status.cell("status")))
        }
        for message in change["value"]?["messages"]?.array ?? [] {
          events.append((message.cell("id"), "received"))
        }
      }
    }
    return events
  }

  static func price(of recipient: String, _ prices: PriceList) -> Int64 {
    let digits = recipient.filter(\.isNumber)
    let code = prices.keys.filter { digits.hasPrefix($0) }.max { $0.count < $1.count }
    return code.flatMap { prices[$0] } ?? 0
  }
}
