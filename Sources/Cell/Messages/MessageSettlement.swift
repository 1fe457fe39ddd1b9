import Storage
import Wire

/// Settles a message's debits by what Meta says that it charges.
extension MessageTracking {
  /// Gives a free message's debit back, once; re-rates one of another category by a correcting
  /// entry, at the prices that were valid when the message was priced.
  ///
  /// A debit that was given back, whole, is left alone.
  func settle(_ id: RowID, by pricing: StatusPricing) throws {
    guard let message = try store.message(id), message.isOutgoing,
      let charge = try charge(of: message)
    else { return }
    var tally = CampaignTally()
    for usage in try usages(of: id) where usage.refunded == .zero {
      switch pricing {
      case .free:
        if try ledger.refund(usage: usage.id, cause: .freeOfCharge) {
          tally.refunded += usage.charged.rawValue
        }
      case .charged(let category):
        guard let quote = try quote(message, charge, category) else {
          try store.insertAlert(.unrated, id: tx.freshID(), of: id, at: tx.now)
          continue
        }
        tally.captured += try correct(usage, to: quote, of: id)
      }
    }
    count(tally, in: message.campaign)
  }

  /// The debit of its acceptance, and those of deliveries after its money had gone back.
  private func usages(of id: RowID) throws -> [UsageRecord] {
    let again = try store.alerts(id).filter { $0.kind == MessageAlert.chargedAgain.rawValue }
    return try ([id] + again.map(\.id)).compactMap { try ledger.usage($0) }
  }

  private func quote(
    _ message: Message, _ charge: MessageCharge, _ category: MessageCategory
  ) throws -> PriceQuote? {
    if category == charge.quote.category { return charge.quote }
    let launch = try message.campaign.flatMap { try campaigns.launch($0) }
    return try Prices(tx).quote(
      market: charge.quote.market, category: category, at: launch?.at ?? message.at,
      version: charge.quote.version)
  }

  /// Answers the micros charged more, negative where it is less.
  ///
  /// A difference that the wallet cannot pay is flagged: what was sent cannot be taken back.
  private func correct(_ usage: UsageRecord, to quote: PriceQuote, of id: RowID) throws -> Int64 {
    do {
      guard try ledger.correct(usage: usage.id, to: quote) else { return 0 }
      return quote.amount.rawValue - usage.charged.rawValue
    } catch let failure as Failure where failure.code == .insufficientFunds {
      try store.insertAlert(.undercharged, id: tx.freshID(), of: id, at: tx.now)
      return 0
    }
  }
}
