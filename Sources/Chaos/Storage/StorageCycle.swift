import Storage
import Wire

/// One cycle: what the callers know, what was met, what is wrong.
public struct StorageCycle: Sendable {
  /// Fewer acknowledged operations than this prove nothing.
  static let leastAcked = 100

  let books = OutsideBooks()
  var oracle: StorageOracle
  /// Faults that were met, by name.
  var faults: [String: Int] = [:]
  var complaints: [String] = []

  init() { oracle = StorageOracle(books) }

  /// What the journal and its tenants went through, which is no fault that was met.
  private(set) var passed: [String: Int] = [:]

  mutating func hit(_ fault: String) { faults[fault, default: 0] += 1 }

  mutating func pass(_ what: String) { passed[what, default: 0] += 1 }

  /// Notes what the journal's directory shows of the load's way through it.
  mutating func look(at machine: StorageMachine) {
    let journal = "\(StorageMachine.journalDirectory)/"
    let names = machine.disk.paths.filter { $0.hasPrefix(journal) }
    let segments = names.filter { $0.hasSuffix(".journal") }
    let isTrimmed = segments.first.map { $0 != "\(journal)0000000000000001.journal" } ?? false
    if segments.count > 1 || isTrimmed { pass("segment sealed") }
    if isTrimmed { pass("segment trimmed") }
    if names.contains("\(journal)heads") { pass("heads written") }
  }

  /// A start after a fault that is no damage: nobody is stopped, nothing reported.
  mutating func start(_ machine: StorageMachine) async throws {
    let report = try await machine.start()
    if report.cutBytes > 0 { hit("torn group") }
    if !report.damage.isEmpty || !report.stopped.isEmpty {
      complaints.append(
        "what happened is no damage: \(report.damage.map(\.reason)), stopped \(report.stopped)")
    }
  }

  /// Runs until what is not acknowledged yet is, under the same keys.
  mutating func finish(_ machine: StorageMachine, _ payments: [Payment], seed: UInt64) async {
    let acked = books.acked
    var load = PaymentLoad(machine: machine, books: books, seed: seed)
    load.tries = 3
    await load.run(payments.filter { !acked.contains($0.id) })
    let missing = payments.filter { !books.acked.contains($0.id) }
    if let first = missing.first {
      complaints.append("\(missing.count) payments were refused to the end, first \(first.id)")
    }
  }

  /// Adds this cycle to `report`; each complaint names the cycle.
  func join(_ report: inout ChaosReport, _ number: Int, _ fault: String) {
    report.cycles += 1
    report.acked += books.acked.count
    report.lost += oracle.lost
    report.duplicated += oracle.duplicated
    report.diverged += oracle.diverged
    report.faultsHit.merge(faults, uniquingKeysWith: +)
    var all = complaints + books.complaints + oracle.complaints
    if books.acked.count < Self.leastAcked {
      all.append("only \(books.acked.count) operations were acknowledged")
    }
    if faults.isEmpty { all.append("the fault was not hit") }
    report.faultsHit.merge(passed, uniquingKeysWith: +)
    for text in all { report.complain("cycle \(number) (\(fault)): \(text)") }
  }
}
