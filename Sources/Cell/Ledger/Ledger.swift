import Platform
import Storage
import Wire

/// A tenant's money inside one transaction: double entry, holds, usage events, refunds.
///
/// Invariants (each has a property test in LedgerPropertyTests):
/// 1. the two entries of a transfer add up to zero, and so does the sum over all accounts;
/// 2. a balance row is the fold of its account's entries;
/// 3. wallet, held and revenue are never negative;
/// 4. of a hold, captured + released + remaining = amount, and it is resolved once;
/// 5. a usage event and its debit are one to one and come in the same transaction;
/// 6. a debit is refunded once per cause, and never beyond what was charged;
/// 7. entries are never changed: what was wrong is put right by another entry.
struct Ledger {
  private let tx: Transaction
  private let store: LedgerStore

  init(_ tx: Transaction) throws {
    self.tx = tx
    store = LedgerStore(try tx.file(.ledger))
  }

  /// Opens the wallet in its currency; does nothing where it is open in this currency already.
  ///
  /// Throws `currency_mismatch` where it is open in another.
  func open(_ currency: Currency) throws {
    guard let existing = try store.currency() else {
      if let profile = try ProfileStore(tx).profile(), profile.currency != currency {
        throw Failure(.currencyMismatch, "this tenant's currency is \(profile.currency)")
      }
      return try store.insertWallet(currency, at: tx.now)
    }
    guard existing == currency else {
      throw Failure(
        .currencyMismatch, "the wallet is in \(existing); amounts in \(currency) are not taken")
    }
  }

  /// Throws `not_found` where the wallet was never opened: no history is not the same as zero.
  func balances() throws -> WalletBalances { try store.balances() }

  /// Credits a payment once per reference.
  ///
  /// The same reference with the same amount answers the first top-up and moves nothing; with
  /// another amount it is a `conflict`.
  func topUp(_ amount: Micros, currency: Currency, reference: String) throws -> TopUp {
    try check(amount)
    guard amount > .zero else {
      throw Failure(.amountOutOfRange, "amount_micros must be positive")
    }
    guard (1...LedgerLimits.maximumReferenceBytes).contains(reference.utf8.count) else {
      throw Failure(.invalidField, "reference must be 1 to 128 bytes")
    }
    try open(currency)
    if let earlier = try store.topUp(reference: reference) {
      guard earlier.amount == amount else {
        throw Failure(.conflict, "this reference was credited with another amount")
      }
      return earlier
    }
    let topUp = TopUp(id: tx.freshID(), reference: reference, amount: amount)
    let transfer = try move(amount, .topUp, source: topUp.id)
    try store.insert(topUp, transfer: transfer)
    return topUp
  }

  /// Sets money aside.
  ///
  /// Throws `insufficient_funds` where less is available.
  func hold(_ amount: Micros, for source: HoldSource, until: Timestamp) throws -> RowID {
    try check(amount)
    let latest = tx.now.adding(seconds: LedgerLimits.holdSeconds)
    let id = try move(amount, source.transferKind, source: source.id)
    RequestObservation.current?.setAside(micros: amount.rawValue)
    let expiry = min(until, latest)
    try store.insertHold(id, amount: amount, expiresAt: expiry)
    tx.addDue(at: expiry)
    return id
  }

  /// Takes part of a hold for a usage: event and debit in one.
  ///
  /// Throws `already_done` where this usage has its debit, `invalid_state` where the hold is
  /// resolved or less remains.
  @discardableResult
  func capture(_ amount: Micros, of hold: RowID, for usage: UsageEvent) throws -> WalletBalances {
    try check(amount)
    guard amount == usage.amount else {
      throw Failure(.amountOutOfRange, "the capture and its usage event differ")
    }
    try requireFresh(usage)
    var held = try pending(hold, atLeast: amount)
    let transfer = try move(amount, .capture, source: usage.id)
    try store.insert(usage, transfer: transfer, hold: hold)
    held.captured = try held.captured.adding(amount)
    try settle(&held)
    return try balances()
  }

  /// Gives part of a hold back.
  @discardableResult
  func release(_ amount: Micros, of hold: RowID, cause: ReleaseCause) throws -> WalletBalances {
    try check(amount)
    var held = try pending(hold, atLeast: amount)
    try give(amount, of: &held, cause: cause)
    return try balances()
  }

  /// Gives back what remains of a hold and resolves it; answers how much that was.
  ///
  /// A hold that is resolved already is left alone: zero.
  func close(_ hold: RowID, cause: ReleaseCause) throws -> Micros {
    guard var held = try store.hold(hold) else { throw Failure(.notFound, "no such hold") }
    guard held.state == .pending else { return .zero }
    let rest = held.remaining
    if rest > .zero { try give(rest, of: &held, cause: cause) }
    if held.state == .pending || cause == .expired {
      held.state = cause == .expired ? .expired : held.captured > .zero ? .captured : .released
      try store.update(held)
      tx.dueMayHaveChanged()
    }
    return rest
  }

  /// Debits the wallet for a usage without a hold.
  ///
  /// Throws `insufficient_funds`, `already_done`.
  @discardableResult
  func charge(_ usage: UsageEvent) throws -> WalletBalances {
    try check(usage.amount)
    try requireFresh(usage)
    let transfer = try move(usage.amount, .charge, source: usage.id)
    try store.insert(usage, transfer: transfer, hold: nil)
    return try balances()
  }

  /// Gives back what was charged for a usage, once per cause.
  ///
  /// False where this cause was refunded before or nothing is left to refund. Throws `not_found`
  /// where there is no such debit.
  func refund(usage: RowID, cause: RefundCause) throws -> Bool {
    guard let record = try store.usage(usage) else {
      throw Failure(.notFound, "there is no debit to refund")
    }
    guard try store.refund(usage: usage, cause: cause) == nil, record.charged > .zero else {
      return false
    }
    let transfer = try move(record.charged, .refund, source: usage)
    try store.insertRefund(transfer, usage: usage, cause: cause, amount: record.charged)
    if Sabotage.doubleRefund.isOn { _ = try move(record.charged, .refund, source: usage) }
    if let id = record.hold, var held = try store.hold(id) {
      held.refunded = try held.refunded.adding(record.charged)
      try store.update(held)
    }
    return true
  }

  /// Re-rates a usage: one correcting entry for the difference, once per usage and price.
  ///
  /// A dearer price is paid from `reserve`, the part of the usage's hold that stands for it, where
  /// that is enough, else from the wallet. False where it stands at that amount, or was corrected
  /// to this price before. Throws `insufficient_funds` where the difference is not available.
  func correct(usage: RowID, to quote: PriceQuote, reserve: Micros = .zero) throws -> Bool {
    guard let record = try store.usage(usage) else {
      throw Failure(.notFound, "there is no debit to correct")
    }
    try check(quote.amount)
    let delta = quote.amount.rawValue - record.charged.rawValue
    guard delta != 0, try store.correction(usage: usage, price: quote.id) == nil else {
      return false
    }
    let amount = Micros(abs(delta))
    var kind: TransferKind = delta > 0 ? .correctionUp : .correctionDown
    if delta > 0, amount <= reserve, let id = record.hold, var held = try store.hold(id),
      held.state == .pending, held.remaining >= amount
    {
      kind = .correctionFromHold
      held.captured = try held.captured.adding(amount)
      try settle(&held)
    }
    let transfer = try move(amount, kind, source: usage)
    try store.insertCorrection(transfer, usage: usage, quote: quote, delta: delta)
    return true
  }

  /// Lets holds expire whose time is over, at most ``LedgerLimits/expiriesPerStep``.
  ///
  /// True where more are waiting: the caller runs another step.
  func expireHolds() throws -> Bool {
    let due = try store.expiredHolds(at: tx.now, limit: LedgerLimits.expiriesPerStep + 1)
    for hold in due.prefix(LedgerLimits.expiriesPerStep) {
      _ = try close(hold, cause: .expired)
    }
    tx.dueMayHaveChanged()
    return due.count > LedgerLimits.expiriesPerStep
  }

  /// The holds of one campaign or message, oldest first.
  func holds(of source: HoldSource) throws -> [Hold] { try store.holds(of: source) }

  func hold(_ id: RowID) throws -> Hold? { try store.hold(id) }

  func usage(_ id: RowID) throws -> UsageRecord? { try store.usage(id) }

  // MARK: - The two entries

  /// Moves money between the two accounts of `kind`; answers the transfer's identifier.
  private func move(_ amount: Micros, _ kind: TransferKind, source: RowID) throws -> RowID {
    let accounts = kind.accounts
    let before = try store.accountBalances()
    let from = try before[accounts.from].subtracting(amount)
    let to = try before[accounts.to].adding(amount)
    if accounts.from == .wallet, from < .zero {
      throw Failure(
        .insufficientFunds,
        "\(amount.rawValue) micros are needed and \(before[.wallet].rawValue) are available")
    }
    let transfer = Transfer(
      id: tx.freshID(), at: tx.now, kind: kind, amount: amount, source: source, fromAfter: from,
      toAfter: to)
    try store.insert(transfer)
    return transfer.id
  }

  private func give(_ amount: Micros, of hold: inout Hold, cause: ReleaseCause) throws {
    switch cause {
    case .failed(let message), .suppressed(let message), .settled(let message):
      _ = try move(amount, .release, source: message)
    case .completed, .cancelled: _ = try move(amount, .close, source: hold.id)
    case .expired: _ = try move(amount, .expiry, source: hold.id)
    }
    hold.released = try hold.released.adding(amount)
    try settle(&hold)
  }

  /// Stores a hold, resolved where nothing remains of it.
  ///
  /// A hold of nothing waits for its close.
  private func settle(_ hold: inout Hold) throws {
    if hold.remaining == .zero, hold.amount > .zero {
      hold.state = hold.captured > .zero ? .captured : .released
      tx.dueMayHaveChanged()
    }
    try store.update(hold)
  }

  private func pending(_ id: RowID, atLeast amount: Micros) throws -> Hold {
    guard let hold = try store.hold(id) else { throw Failure(.notFound, "no such hold") }
    guard hold.state == .pending else {
      throw Failure(.invalidState, "the hold is \(hold.state.name)")
    }
    guard hold.remaining >= amount else {
      throw Failure(.invalidState, "only \(hold.remaining.rawValue) micros remain of the hold")
    }
    return hold
  }

  private func requireFresh(_ usage: UsageEvent) throws {
    guard try store.usage(usage.id) == nil else {
      throw Failure(.alreadyDone, "this usage has its debit")
    }
  }

  private func check(_ amount: Micros) throws {
    guard amount >= .zero, amount <= LedgerLimits.maximumAmount else {
      throw Failure(.amountOutOfRange, "an amount must be between 0 and 10^15 micros")
    }
  }
}
