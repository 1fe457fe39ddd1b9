import Storage
import Wire

/// Messages that fill a tenant for the restore bench.
enum BenchMessagesStore {
  static func fill(_ transaction: Transaction, from first: Int64, count: Int64) throws {
    let messages = try transaction.file(.messages)
    for id in first..<(first + count) {
      let body =
        "order \(id) of customer \((id &* 2_654_435_761) % 1_000_003): "
        + String((id &* 6_364_136_223_846_793_005) & Int64.max, radix: 36)
        + " is on its way and will arrive within two working days"
      try messages.run(
        "INSERT INTO messages (id, at, recipient, state, body) VALUES (?1, ?2, ?3, 0, ?4)",
        .integer(id), .integer(transaction.now.milliseconds), .text("49151\(id)"), .text(body))
    }
  }
}
