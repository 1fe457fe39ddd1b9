import GraphSimulator

/// What the simulator's log proves of one number, added up over many readings of it.
struct GraphEvidence: Sendable {
  /// Acceptances by our own message id.
  private(set) var acceptances: [String: Int] = [:]
  private var accepted: Set<String> = []
  private var failed: Set<String> = []

  var doubleSends: [String] { acceptances.filter { $0.value > 1 }.map(\.key).sorted() }
  /// Every accepted message costs; one that failed later is given back.
  var spentMicros: Int64 {
    Int64(accepted.count - accepted.intersection(failed).count) * ChaosTenant.priceMicros
  }
  var refunds: Int { accepted.intersection(failed).count }

  /// Reads an answer of `GET /_sim/requests`; what was read before must be gone from the log.
  mutating func read(_ log: JSON, number: String) {
    for request in log["requests"]?.array ?? [] {
      guard request["method"]?.string == "POST",
        request["path"]?.string?.hasSuffix("/\(number)/messages") == true,
        let callback = request["callback_data"]?.string, let wamid = request["wamid"]?.string
      else { continue }
      acceptances[callback, default: 0] += 1
      accepted.insert(wamid)
    }
    for webhook in log["webhooks"]?.array ?? [] where webhook["result"]?.integer == 200 {
      guard let text = webhook["body"]?.string, let body = try? JSON(parsing: text) else {
        continue
      }
      for change in body["entry"]?.array?.flatMap({ $0["changes"]?.array ?? [] }) ?? [] {
        for status in change["value"]?["statuses"]?.array ?? []
        where status["status"]?.string == "failed" {
          if let id = status["id"]?.string { failed.insert(id) }
        }
      }
    }
  }
}
