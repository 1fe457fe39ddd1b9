import Platform
import Simulation
import Storage
import Wire

@testable import Cell

/// One tenant's ledger on real SQLite in memory, with a clock of its own.
final class Books {
  let store: DirectStore
  var now = Timestamp(milliseconds: 1_795_435_200_000)
  private var payments = 0

  /// `level`: of the format that its file is made with.
  init(seed: UInt64 = 1, level: UInt32 = FormatLevel.newest) throws {
    let parts = CellSchema.parts.map { part in
      SchemaPart(
        tables: part.tables, steps: part.steps.filter { $0.level <= level }, nextDue: part.nextDue)
    }
    store = try DirectStore(
      tenant: TenantID(trusted: "t1"),
      schema: StoreSchema(files: CellSchema.schema.files, parts: parts), directory: nil,
      random: SeededRandomSource(seed: seed))
  }

  /// The moment of a command, with what tests need of it.
  struct Moment {
    let now: Timestamp
    var inAnHour: Timestamp { now.adding(seconds: 3600) }
  }

  @discardableResult
  func write<T>(_ body: (Ledger, Moment) throws -> T) throws -> T {
    try store.write(at: now) { tx in try body(Ledger(tx), Moment(now: now)) }
  }

  func fund(_ amount: Int64) throws {
    payments += 1
    _ = try write { ledger, _ in
      try ledger.topUp(Micros(amount), currency: Self.eur, reference: "payment-\(payments)")
    }
  }

  func balances() throws -> [Int64: Int64] {
    var result: [Int64: Int64] = [:]
    try store.reading(.ledger).query("SELECT account, amount FROM balances") { row in
      result[row.int64(0)] = row.int64(1)
    }
    return result
  }

  func usage(_ id: Int64, _ amount: Int64) -> UsageEvent {
    UsageEvent(id: RowID(id), quote: Self.quote(amount))
  }

  static func quote(_ amount: Int64, price: Int64 = 5) -> PriceQuote {
    PriceQuote(
      id: RowID(price), version: 1, amount: Micros(amount), market: .any, category: .marketing)
  }

  static let eur: Currency = {
    guard let currency = Currency("EUR") else { preconditionFailure("EUR is a currency") }
    return currency
  }()
}
