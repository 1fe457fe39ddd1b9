import Wire

/// What a command answers.
enum StoreAnswer: Hashable {
  /// Its effect is durable, or was already.
  case done(String)
  /// An expected no; nothing was changed.
  case refused(String)
  case failed(Failure)
}

/// One command for a tenant's writer.
struct StoreCommand {
  /// Its idempotency key; nil where it is idempotent by itself.
  let key: String?
  /// Reads the image with what the batch has changed so far; returns its own changes and answer.
  let run: (StagedImage) -> (changes: [RowChange], answer: StoreAnswer)
  let answer: (StoreAnswer) -> Void
}

/// An image with the changes of a batch that is not durable yet.
struct StagedImage {
  let image: TenantImage
  private(set) var changes: [RowChange] = []
  private var staged: [String: String] = [:]

  init(_ image: TenantImage) { self.image = image }

  subscript(key: String) -> String? { staged[key] ?? image[key] }
  func number(_ key: String) -> Int { self[key].flatMap { Int($0) } ?? 0 }

  mutating func add(_ more: [RowChange]) {
    changes += more
    for change in more { staged[change.key] = change.value }
  }
}

/// Debits that keep a tenant's books: money comes from outside into the wallet and goes to fees.
enum SimulatedLedger {
  static let opening = 1_000

  static let firstRows = [
    RowChange(key: "balance:outside", value: "-\(opening)"),
    RowChange(key: "balance:wallet", value: "\(opening)"),
    RowChange(key: "balance:fees", value: "0"),
  ]

  static func debit(
    _ amount: Int, key: String, at place: Int, _ rows: StagedImage
  ) -> (changes: [RowChange], answer: StoreAnswer) {
    let wallet = rows.number("balance:wallet")
    guard wallet >= amount else { return ([], .refused("insufficient_funds")) }
    let answer = "debited \(amount), left \(wallet - amount)"
    return (
      [
        RowChange(key: "balance:wallet", value: "\(wallet - amount)"),
        RowChange(key: "balance:fees", value: "\(rows.number("balance:fees") + amount)"),
        RowChange(key: "effect:\(key):\(place)", value: "\(amount)"),
        RowChange(key: "key:\(key)", value: answer),
      ], .done(answer)
    )
  }
}
