import Storage
import Wire

/// Settles a message's debits by what Meta says that it charges.
extension MessageTracking {
  /// Gives a free message's debit back, once; re-rates one of another category by a correcting
  /// entry, at the prices that were valid when the message was priced.
  ///
  /// A debit that was given back, whole, is left alone; so is what a failed message costs, whatever
  /// a late status says of its price.
  func settle(_ id: RowID, by pricing: StatusPricing) throws {
    guard let message = try store.message(id), message.isOutgoing,
      let charge = try charge(of: message), try store.standing(id)?.lifecycle.state != .failed
    else { return }
    var tally = CampaignTally()
    let reserve = try openReserve(of: message)
    var used = Micros.zero
    if let usage = try debit(of: id), usage.refunded == .zero {
      switch pricing {
      case .free:
        if try ledger.refund(usage: usage.id, cause: .freeOfCharge) {
          tally.refunded += usage.charged.rawValue
        }
      case .charged(let category):
        guard let quote = try quote(message, charge, category) else {
          try flag(.unrated, id)
          break
        }
        let own = usage.id == id ? reserve?.amount ?? .zero : .zero
        let more = try correct(usage, to: quote, of: id, reserve: own)
        tally.captured += more
        if more > 0, more <= own.rawValue { used = Micros(more) }
      }
    }
    if let reserve { try give(back: reserve, without: used, &tally) }
    count(tally, in: message.campaign)
  }

  /// What pays for it: the debit of its acceptance, or of a delivery after that had gone back, even
  /// where that was nothing.
  private func debit(of id: RowID) throws -> UsageRecord? {
    let again = try store.alerts(id).last { $0.kind == MessageAlert.chargedAgain.rawValue }
    return try ledger.usage(again?.id ?? id)
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
  /// A difference that neither the reserve nor the wallet can pay is flagged: what was sent cannot
  /// be taken back.
  private func correct(
    _ usage: UsageRecord, to quote: PriceQuote, of id: RowID, reserve: Micros
  ) throws -> Int64 {
    do {
      guard try ledger.correct(usage: usage.id, to: quote, reserve: reserve) else { return 0 }
      return quote.amount.rawValue - usage.charged.rawValue
    } catch let failure as Failure where failure.code == .insufficientFunds {
      try flag(.undercharged, id)
      return 0
    }
  }

  /// Once: every priced status says the same.
  private func flag(_ alert: MessageAlert, _ id: RowID) throws {
    guard try !store.alerts(id).contains(where: { $0.kind == alert.rawValue }) else { return }
    try store.insertAlert(alert, id: tx.freshID(), of: id, at: tx.now)
  }
}
