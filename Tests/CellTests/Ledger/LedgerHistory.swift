import Platform
import Simulation
import Storage
import Wire

@testable import Cell

/// Numbers from a seed.
struct Dice {
  private let source: SeededRandomSource
  init(seed: UInt64) { source = SeededRandomSource(seed: seed) }
  /// 0 to `bound` - 1.
  func below(_ bound: Int) -> Int { Int(source.uint64() % UInt64(bound)) }
  func pick<T>(_ list: [T]) -> T? { list.isEmpty ? nil : list[below(list.count)] }
}

/// One command of a random history.
enum LedgerStep: Sendable {
  case topUp(Int64, reference: String)
  case hold(Int64, campaign: Int64, seconds: Int64)
  case capture(hold: RowID, message: Int64, amount: Int64)
  case release(hold: RowID, message: Int64, amount: Int64)
  case close(hold: RowID)
  case charge(message: Int64, amount: Int64)
  case refund(message: Int64, RefundCause)
  case correct(message: Int64, amount: Int64, price: Int64)
  case expire

  /// Runs it; answers the hold that it made.
  func apply(_ tx: Transaction) throws -> RowID? {
    let ledger = try Ledger(tx)
    switch self {
    case .topUp(let amount, let reference):
      _ = try ledger.topUp(Micros(amount), currency: Books.eur, reference: reference)
    case .hold(let amount, let campaign, let seconds):
      return try ledger.hold(
        Micros(amount), for: .campaign(RowID(campaign)), until: tx.now.adding(seconds: seconds))
    case .capture(let hold, let message, let amount):
      try ledger.capture(
        Micros(amount), of: hold,
        for: UsageEvent(id: RowID(message), quote: Books.quote(amount)))
    case .release(let hold, let message, let amount):
      try ledger.release(Micros(amount), of: hold, cause: .failed(message: RowID(message)))
    case .close(let hold): _ = try ledger.close(hold, cause: .completed)
    case .charge(let message, let amount):
      try ledger.charge(UsageEvent(id: RowID(message), quote: Books.quote(amount)))
    case .refund(let message, let cause):
      _ = try ledger.refund(usage: RowID(message), cause: cause)
    case .correct(let message, let amount, let price):
      _ = try ledger.correct(usage: RowID(message), to: Books.quote(amount, price: price))
    case .expire: _ = try ledger.expireHolds()
    }
    return nil
  }
}

/// Draws steps that are likely to mean something: known holds and messages, and now and then not.
struct LedgerHistory {
  private let dice: Dice
  private var holds: [RowID] = []
  private var messages: [Int64] = []

  /// What a step may be refused with.
  static let refusals: Set<FailureCode> = [
    .insufficientFunds, .invalidState, .alreadyDone, .conflict, .notFound,
  ]

  init(seed: UInt64) { dice = Dice(seed: seed) }

  mutating func made(_ hold: RowID) { holds.append(hold) }

  /// How far the clock goes before the next step.
  func pauseMilliseconds() -> Int64 { Int64(dice.below(4) == 0 ? dice.below(4_000_000) : 0) }

  mutating func next() -> LedgerStep {
    let hold = dice.pick(holds) ?? RowID(404)
    let amount = Int64(dice.below(500))
    switch dice.below(20) {
    case 0, 1: return .topUp(1 + Int64(dice.below(5_000)), reference: "payment-\(dice.below(40))")
    case 2, 3, 4:
      return .hold(
        Int64(dice.below(3_000)), campaign: Int64(dice.below(5)),
        seconds: Int64(dice.below(20_000)))
    case 5, 6, 7, 8, 9:
      let message = fresh()
      return .capture(hold: hold, message: message, amount: amount)
    case 10, 11: return .release(hold: hold, message: Int64(dice.below(1_000)), amount: amount)
    case 12: return .close(hold: hold)
    case 13: return .charge(message: fresh(), amount: amount)
    case 14, 15, 16:
      let cause = dice.pick(RefundCause.allCases) ?? .failedStatus
      return .refund(message: dice.pick(messages) ?? 1, cause)
    case 17, 18:
      return .correct(
        message: dice.pick(messages) ?? 1, amount: amount, price: Int64(dice.below(4)))
    default: return .expire
    }
  }

  /// A new message mostly, now and then one that has its debit.
  private mutating func fresh() -> Int64 {
    if dice.below(8) == 0, let known = dice.pick(messages) { return known }
    let message = Int64(10_000 + messages.count)
    messages.append(message)
    return message
  }
}
